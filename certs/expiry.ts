/**
 * How long the certificates in the Secret are still good for, as figures.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'
import type { Secret } from '../api/kubernetes.ts'
import type { KubeObject } from '../api/object.ts'

const entries = { ca: 'ca.crt', server: 'tls.crt' } as const

/** The Secret without what is in it, but for when its certificates end. One that can't be read has no end. */
export interface KeptSecret extends KubeObject {
  /** By the name of the certificate; milliseconds since 1970. */
  readonly endsAt: Readonly<Partial<Record<keyof typeof entries, number>>>
}

/** What is kept of the Secret: keys have no business in the memory of a store. */
export const keepSecret = ({ apiVersion, kind, metadata, data = {} }: Secret): KeptSecret => {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  const endOf = (entry: string): number | undefined => {
    try {
      return new X509Certificate(Buffer.from(data[entry] ?? '', 'base64')).validToDate.getTime()
    } catch {
      return undefined
    }
  }
  const [ca, server] = [endOf(entries.ca), endOf(entries.server)]
  return {
    apiVersion,
    kind,
    metadata: { name, uid, resourceVersion, creationTimestamp, ...(namespace && { namespace }) },
    endsAt: { ...(ca !== undefined && { ca }), ...(server !== undefined && { server }) },
  }
}

/** The gauges of the certificates that there are. */
export const certificateGauges = (
  secrets: { readonly all: () => Iterable<KeptSecret> },
  now: () => number = Date.now,
) =>
  [
    {
      name: 'gatekept_certificate_expiry_seconds',
      help: 'How long a certificate is still valid; below 0, for how long it has not been',
      labelNames: ['certificate'],
      series: () =>
        [...secrets.all()].flatMap(({ endsAt }) =>
          Object.entries(endsAt).map(([certificate, at]) => ({
            labels: { certificate },
            value: (at - now()) / 1_000,
          })),
        ),
    },
  ] as const
