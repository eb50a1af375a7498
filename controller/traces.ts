/**
 * Who tells spans, as the KeptnConfig in force says it.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { KeptnConfig } from '../api/index.ts'
import { Secret } from '../api/kubernetes.ts'
import { referenceTo, type Transition } from '../kube/decision.ts'
import type { Term } from '../kube/lease.ts'
import type { Store } from '../kube/store.ts'
import {
  appPhases,
  inForce,
  onFailurePhase,
  workloadPhases,
  type LifecycleStores,
} from '../lifecycle/index.ts'
import {
  configMapRecord,
  createTeller,
  type Notice,
  type TellerOptions,
  type TraceSecrets,
  type TraceSettings,
} from '../telemetry/traces/index.ts'
import type { Listener } from './listeners.ts'
import type { Process } from './part.ts'

/** Where the progress is kept. */
const recordName = 'gatekept-traces'

/** What was changed in a Secret is used after so long at the latest. */
const secretsMs = 60_000

/** As it is in Keptn: dashboards and queries look for it. */
const serviceName = 'lifecycle-operator'

type OpenTelemetry = NonNullable<KeptnConfig['spec']['openTelemetry']>

// https://httpwg.org/specs/rfc9110.html#field.values
const isHeaderValue = (text: string): boolean => /^[\x20-\x7e]*$/.test(text)

/** Reads Secrets by name when they are needed, and keeps what is in them for a minute. */
const secretsReader = ({ client, settings: { namespace } }: Process) => {
  let kept:
    { readonly from: string; readonly at: number; readonly secrets: TraceSecrets } | undefined
  const read = async (name: string): Promise<Readonly<Record<string, string>>> => {
    const secret = await client.get(Secret, { namespace, name })
    if (secret === undefined) {
      throw new Error(
        `there is no Secret "${name}" in namespace "${namespace}", which KeptnConfig names`,
      )
    }
    return Object.fromEntries(
      Object.entries(secret.data ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString('utf8').trim(),
      ]),
    )
  }
  const headersIn = async (name: string): Promise<Readonly<Record<string, string>>> => {
    const headers = await read(name)
    const wrong = Object.keys(headers).find((key) => !isHeaderValue(headers[key] ?? ''))
    if (wrong === undefined) return headers
    throw new Error(
      `Secret "${name}" in namespace "${namespace}" has a value for "${wrong}" that no header can have`,
    )
  }
  const caIn = async ({ name, key }: { name: string; key: string }): Promise<string> => {
    const ca = (await read(name))[key]
    if (ca !== undefined) return ca
    throw new Error(
      `Secret "${name}" in namespace "${namespace}" has no key "${key}", which KeptnConfig names for the certificate authority`,
    )
  }
  return async ({ tls, headersSecretRef }: OpenTelemetry): Promise<TraceSecrets> => {
    const from = JSON.stringify([tls, headersSecretRef])
    if (kept?.from === from && Date.now() - kept.at < secretsMs) return kept.secrets
    const secrets = {
      ...(tls?.caSecretRef === undefined ? {} : { ca: await caIn(tls.caSecretRef) }),
      headers: headersSecretRef === undefined ? {} : await headersIn(headersSecretRef.name),
    }
    kept = { from, at: Date.now(), secrets }
    return secrets
  }
}

/** What there is to tell of the sending, on the KeptnConfig that asks for it. */
const transitionOf = (config: KeptnConfig, notice: Notice): Transition => {
  const at = new Date()
  const hash = createHash('sha256').update(notice.message).digest('hex').slice(0, 16)
  return {
    id: `${config.metadata.uid}/${notice.reason}/${hash}/${at.toISOString()}`,
    subject: referenceTo(config),
    at,
    ...notice,
  }
}

const phases: TellerOptions['phases'] = {
  app: [...appPhases, onFailurePhase],
  workload: workloadPhases,
}

/**
 * Tells spans, term by term, while the KeptnConfig in force names a collector; `events` is told how that goes. `synced`: the
 * stores are equal to the cluster.
 */
export const spanTeller = (
  process: Process,
  stores: LifecycleStores,
  { events, synced }: { readonly events: Listener; readonly synced: Promise<unknown> },
): ((term: Term) => Promise<void>) => {
  const { client, log, figures, signal } = process
  const { namespace } = process.settings
  const readSecrets = secretsReader(process)
  const config = (): KeptnConfig | undefined => inForce(stores.configs.by('namespace', namespace))
  const settings = (): TraceSettings | undefined => {
    const { OTelCollectorUrl: collector = '', openTelemetry } = config()?.spec ?? {}
    if (collector.trim() === '') return undefined
    return {
      collector: collector.trim(),
      protocol: openTelemetry?.protocol ?? 'grpc',
      isSecure: openTelemetry?.tls !== undefined,
      ...(openTelemetry === undefined ? {} : { secrets: () => readSecrets(openTelemetry) }),
    }
  }
  const teller = createTeller({
    ...{ stores, phases, settings, log },
    resource: { 'service.name': serviceName },
    notify: (notice) => {
      const about = config()
      if (about !== undefined) events.hear([transitionOf(about, notice)])
    },
    ...(figures === undefined ? {} : { figures }),
  })
  followConfigs(stores.configs, teller.look)
  return async (term) => {
    await Promise.race([synced, aborted(term.signal)])
    await teller.tell({
      record: configMapRecord(client, { namespace, name: recordName }),
      signal: term.signal,
      stillLeading: term.stillLeading,
      // Who has lost the lease leaves it to the next one.
      mayFinish: () => signal.aborted,
    })
  }
}

const followConfigs = (configs: Store<KeptnConfig>, look: () => void): void => {
  configs.subscribe(({ before, now }) => {
    if (JSON.stringify(before?.spec) !== JSON.stringify(now?.spec)) look()
  })
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener(
      'abort',
      () => {
        resolve()
      },
      { once: true },
    )
  })
