/**
 * Makes the Secret `keptn-certs` what it should be, and the API server trust it.
 *
 * Any number of processes may do this at the same time. The Secret's name decides who creates it, its resource version who
 * changes it, and whoever loses goes on with what the winner wrote. A process that was slow could still write an older
 * bundle after a newer one; so each looks at the Secret again after it has written the bundle, and the last to write is right.
 *
 * @module
 */
import type { Logger } from 'pino'
import { Secret } from '../api/kubernetes.ts'
import type { Client } from '../kube/client.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts'
import { injectBundle, readBundle } from './inject.ts'
import { bundleOf, decode, encode, renew, renewalIn } from './secret.ts'

/** Name of the Secret, as in Keptn. */
export const secretName = 'keptn-certs'

/** What a bootstrap needs. */
export interface Surroundings {
  readonly client: Pick<Client, 'get' | 'create' | 'patch'>
  /** The namespace of Gatekept. */
  readonly namespace: string
  readonly log: Logger
  readonly now?: () => Date
}

// Each lost race means that somebody else got further; this many in a row mean that something is wrong.
const maxRounds = 20

/** Brings Secret and bundle in order. Changes nothing where they are. Throws when the API server refuses. */
export const ensureCertificates = async (surroundings: Surroundings): Promise<void> => {
  for (let round = 0; round < maxRounds; round++) {
    const secret = await ensureSecret(surroundings)
    if (secret === undefined) continue
    if (!(await injectBundle(surroundings.client, bundleOf(decode(secret.data))))) continue
    const later = await read(surroundings)
    if (later?.metadata.resourceVersion === secret.metadata.resourceVersion) return
  }
  throw new Error(`Cannot bring Secret "${secretName}" in order: others change it all the time`)
}

const read = ({ client, namespace }: Surroundings): Promise<Secret | undefined> =>
  client.get(Secret, { namespace, name: secretName })

/** The Secret, in order; `undefined`: somebody else was faster, look again. */
const ensureSecret = async (surroundings: Surroundings): Promise<Secret | undefined> => {
  const { namespace, log, now = () => new Date() } = surroundings
  const found = await read(surroundings)
  const contents = decode(found?.data)
  const at = now()
  const renewal = isOfCertManager(found) ? undefined : renewalIn(contents, namespace, at)
  if (renewal === undefined) return found
  const trusted = await readBundle(surroundings.client)
  const next = encode(await renew(contents, renewal, { namespace, now: at, trusted }))
  try {
    const written = await write(surroundings, found, next)
    log.info(renewal, 'Certificate made')
    return written
  } catch (error) {
    if (isAlreadyExists(error) || isConflict(error) || isNotFound(error)) return undefined
    throw error
  }
}

// It has no key of the authority, and would be written back at once.
const isOfCertManager = (secret: Secret | undefined): boolean =>
  secret?.metadata.annotations?.['cert-manager.io/certificate-name'] !== undefined

const write = (
  { client, namespace }: Surroundings,
  found: Secret | undefined,
  data: Readonly<Record<string, string>>,
): Promise<Secret> =>
  found === undefined
    ? client.create(Secret, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: secretName,
          namespace,
          labels: { 'app.kubernetes.io/part-of': 'keptn' },
        },
        type: 'Opaque',
        data,
      })
    : client.patch(Secret, {
        namespace,
        name: secretName,
        patchType: 'merge',
        patch: {
          metadata: { resourceVersion: found.metadata.resourceVersion },
          data: { 'ca.crt.old': null, ...data },
        },
      })
