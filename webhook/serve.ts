/**
 * The webhook as a server before a cluster: what it answers from, its certificate, and whether it is ready.
 *
 * @module
 */
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'
import type { Logger } from 'pino'
import type { Client } from '../kube/client.ts'
import { serveCertificate } from '../kube/serving-certificate.ts'
import { buildWebhook } from './app.ts'
import { watchCluster } from './cluster.ts'
import { watchTrust } from './trust.ts'

// Below the two seconds that the API server waits, with time left to answer.
const ownerTimeoutMs = 800
const tls = { minVersion: 'TLSv1.3' } as const

/** Where and as what the webhook serves. */
export interface ServingSettings {
  /** The namespace that Gatekept runs in. */
  readonly namespace: string
  /** Holds `tls.crt` and `tls.key`, or will. */
  readonly certificateFolder: string
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

/** A webhook that serves. */
export interface Serving {
  readonly port: number
  /**
   * Whether requests should come: managed namespaces are known, and the certificate that is served is valid now and one that
   * the API server believes.
   */
  readonly isReady: () => boolean
  /** Looks at the files of the certificate now. */
  readonly refreshCertificate: () => Promise<void>
  /** Is not ready any more, answers for this long while endpoints drain, and ends. */
  readonly end: (drainMs: number) => Promise<void>
}

/** Starts to serve. Rejects if it can't listen; without a certificate it listens, and is not ready. */
export const startWebhook = async (options: {
  readonly client: Client
  readonly log: Logger
  readonly settings: ServingSettings
}): Promise<Serving> => {
  const { client, log, settings } = options
  const stopping = new AbortController()
  const { signal } = stopping
  let draining = false
  const { cluster, isSynced } = watchCluster({ client, log, signal, ownerTimeoutMs })
  const app = buildWebhook({
    cluster,
    log,
    settings: { namespace: settings.namespace, https: tls, isDraining: () => draining },
  })
  const trust = watchTrust({
    client,
    log,
    signal,
    onChange: () => certificate.reconsider(),
  })
  const certificate = serveCertificate({
    folder: settings.certificateFolder,
    use: (pair) => {
      if (app.server instanceof TlsServer) app.server.setSecureContext({ ...pair, ...tls })
    },
    isBelieved: trust.believes,
    log,
    signal,
  })
  await certificate.refresh()
  await app.listen({ host: settings.host, port: settings.port })
  return {
    port: (app.server.address() as AddressInfo).port,
    isReady: () =>
      !draining &&
      isSynced() &&
      trust.isSynced() &&
      certificate.isValid(new Date()) &&
      certificate.isBelieved(),
    refreshCertificate: () => certificate.refresh(),
    end: async (drainMs) => {
      draining = true
      if (drainMs > 0) await pause(drainMs)
      await app.close()
      stopping.abort()
    },
  }
}
