/**
 * Who tells transitions as CloudEvents, as the KeptnConfig in force says it.
 *
 * @module
 */
import type { KeptnConfig } from '../api/index.ts'
import type { Store } from '../kube/store.ts'
import { createCloudEventSender, type CloudEventSettings } from '../telemetry/cloud-events/index.ts'
import type { Listener } from './listeners.ts'
import { configNotices } from './notices.ts'
import type { Process } from './part.ts'
import { secretReader, type SecretReader } from './secrets.ts'

/** `undefined`: none are wanted. */
const settingsIn = (
  { cloudEventsEndpoint: endpoint = '', cloudEvents, eventNames }: KeptnConfig['spec'],
  secrets: SecretReader,
): CloudEventSettings | undefined => {
  if (endpoint === '') return undefined
  const reference = cloudEvents?.tokenSecretRef
  return {
    endpoint,
    mode: cloudEvents?.mode ?? 'binary',
    names: cloudEvents?.format === 'cdevents' ? 'cdevents' : eventNames,
    ...(reference === undefined ? {} : { token: () => secrets.one(reference) }),
  }
}

/** Tells transitions as CloudEvents while the KeptnConfig in force names an endpoint; `events` is told how that goes. */
export const cloudEventListener = (
  process: Process,
  configs: Store<KeptnConfig>,
  events: Listener,
): Listener => {
  const secrets = secretReader(process)
  const { config, notify } = configNotices(configs, process.settings.namespace, events)
  const settings = (): CloudEventSettings | undefined => {
    const spec = config()?.spec
    return spec === undefined ? undefined : settingsIn(spec, secrets)
  }
  const { figures, log, signal } = process
  return {
    hear: createCloudEventSender({
      ...{ settings, notify, log, signal },
      ...(figures === undefined ? {} : { figures }),
    }),
    knowsRepeats: true,
  }
}
