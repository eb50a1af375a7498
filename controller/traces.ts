/**
 * Who tells spans, as the KeptnConfig in force says it.
 *
 * @module
 */
import type { KeptnConfig } from '../api/index.ts'
import type { Term } from '../kube/lease.ts'
import type { Store } from '../kube/store.ts'
import {
  appPhases,
  onFailurePhase,
  workloadPhases,
  type LifecycleStores,
} from '../lifecycle/index.ts'
import { configMapRecord } from '../telemetry/progress.ts'
import {
  createTeller,
  type TellerOptions,
  type TraceSecrets,
  type TraceSettings,
} from '../telemetry/traces/index.ts'
import type { Listener } from './listeners.ts'
import { configNotices } from './notices.ts'
import type { Process } from './part.ts'
import { secretReader, type SecretReader } from './secrets.ts'

/** Where the progress is kept. */
const recordName = 'gatekept-traces'

/** As it is in Keptn: dashboards and queries look for it. */
const serviceName = 'lifecycle-operator'

type OpenTelemetry = NonNullable<KeptnConfig['spec']['openTelemetry']>

// https://httpwg.org/specs/rfc9110.html#field.values
const isHeaderValue = (text: string): boolean => /^[\x20-\x7e]*$/.test(text)

const headersIn = async (
  secrets: SecretReader,
  name: string,
): Promise<Readonly<Record<string, string>>> => {
  const headers = await secrets.all(name)
  const wrong = Object.keys(headers).find((key) => !isHeaderValue(headers[key] ?? ''))
  if (wrong === undefined) return headers
  throw new Error(`Secret "${name}" has a value for "${wrong}" that no header can have`)
}

const secretsIn = async (
  secrets: SecretReader,
  { tls, headersSecretRef }: OpenTelemetry,
): Promise<TraceSecrets> => ({
  ...(tls?.caSecretRef === undefined ? {} : { ca: await secrets.one(tls.caSecretRef) }),
  headers: headersSecretRef === undefined ? {} : await headersIn(secrets, headersSecretRef.name),
})

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
  const secrets = secretReader(process)
  const { config, notify } = configNotices(stores.configs, namespace, events)
  const settings = (): TraceSettings | undefined => {
    const { OTelCollectorUrl: collector = '', openTelemetry } = config()?.spec ?? {}
    if (collector.trim() === '') return undefined
    return {
      collector: collector.trim(),
      protocol: openTelemetry?.protocol ?? 'grpc',
      isSecure: openTelemetry?.tls !== undefined,
      ...(openTelemetry === undefined ? {} : { secrets: () => secretsIn(secrets, openTelemetry) }),
    }
  }
  const teller = createTeller({
    ...{ stores, phases, settings, notify, log },
    resource: { 'service.name': serviceName },
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
