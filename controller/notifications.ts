/**
 * Who notifies people, as the KeptnConfig in force says it.
 *
 * @module
 */
import type { KeptnConfig } from '../api/index.ts'
import type { Term } from '../kube/lease.ts'
import type { Store } from '../kube/store.ts'
import { createNotifier, type Receiver } from '../telemetry/notifications/index.ts'
import { configMapClaims } from '../telemetry/progress.ts'
import type { Listener } from './listeners.ts'
import { configNotices } from './notices.ts'
import type { Process } from './part.ts'
import { secretReader, type SecretReader } from './secrets.ts'

/** Where it is kept of what people were notified. */
const recordName = 'gatekept-notifications'

type Notification = NonNullable<KeptnConfig['spec']['notifications']>[number]

const receiverOf = (
  { name, type, url = '', urlSecretRef, tokenSecretRef, filter = {}, template = '' }: Notification,
  secrets: SecretReader,
): Receiver => ({
  ...{ name, type, filter, template },
  url: () => (urlSecretRef === undefined ? Promise.resolve(url) : secrets.one(urlSecretRef)),
  ...(tokenSecretRef === undefined ? {} : { token: () => secrets.one(tokenSecretRef) }),
})

/** Who hears what people may want to be notified of, and who notifies them in each term. */
export interface Notifications {
  readonly listener: Listener
  readonly lead: (term: Term) => Promise<void>
}

/** Notifies people while the KeptnConfig in force names any; `events` is told how that goes. */
export const notifications = (
  process: Process,
  configs: Store<KeptnConfig>,
  events: Listener,
): Notifications => {
  const { client, log, figures, signal } = process
  const { namespace } = process.settings
  const secrets = secretReader(process)
  const { config, notify } = configNotices(configs, namespace, events)
  const notifier = createNotifier({
    ...{ notify, log, signal },
    receivers: () => (config()?.spec.notifications ?? []).map((each) => receiverOf(each, secrets)),
    ...(figures === undefined ? {} : { figures }),
  })
  configs.subscribe(() => {
    notifier.look()
  })
  return {
    // It knows what it has heard: what was claimed is not sent again.
    listener: { hear: notifier.hear, knowsRepeats: true },
    lead: ({ signal: ending, stillLeading }) =>
      notifier.lead({
        ...{ signal: ending, stillLeading },
        record: configMapClaims(client, { namespace, name: recordName }),
      }),
  }
}
