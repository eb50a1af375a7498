/**
 * Who tells transitions as CloudEvents, as the KeptnConfig in force says it.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { KeptnConfig } from '../api/index.ts'
import { Secret } from '../api/kubernetes.ts'
import { referenceTo, type Transition } from '../kube/decision.ts'
import type { Store } from '../kube/store.ts'
import { inForce } from '../lifecycle/index.ts'
import {
  createCloudEventSender,
  type CloudEventSettings,
  type Notice,
} from '../telemetry/cloud-events/index.ts'
import type { Listener } from './listeners.ts'
import type { Process } from './part.ts'

/** A token that was changed is sent after so long at the latest. */
const tokenMs = 60_000

type TokenReference = NonNullable<NonNullable<KeptnConfig['spec']['cloudEvents']>['tokenSecretRef']>

/** Reads tokens by name when they are needed, and keeps each for a minute. */
const tokenReader = ({ client, settings }: Process) => {
  let kept: { readonly from: string; readonly at: number; readonly token: string } | undefined
  const { namespace } = settings
  return async ({ name, key }: TokenReference): Promise<string> => {
    const from = JSON.stringify([name, key])
    if (kept?.from === from && Date.now() - kept.at < tokenMs) return kept.token
    const secret = await client.get(Secret, { namespace, name })
    const value = secret?.data?.[key]
    if (value === undefined) {
      throw new Error(
        `Secret "${name}" in namespace "${namespace}" has no key "${key}", which KeptnConfig names for the token`,
      )
    }
    const token = Buffer.from(value, 'base64').toString('utf8').trim()
    kept = { from, at: Date.now(), token }
    return token
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

/** `undefined`: none are wanted. */
const settingsIn = (
  { cloudEventsEndpoint: endpoint = '', cloudEvents, eventNames }: KeptnConfig['spec'],
  readToken: (reference: TokenReference) => Promise<string>,
): CloudEventSettings | undefined => {
  if (endpoint === '') return undefined
  const reference = cloudEvents?.tokenSecretRef
  return {
    endpoint,
    mode: cloudEvents?.mode ?? 'binary',
    names: cloudEvents?.format === 'cdevents' ? 'cdevents' : eventNames,
    ...(reference === undefined ? {} : { token: () => readToken(reference) }),
  }
}

/** Tells transitions as CloudEvents while the KeptnConfig in force names an endpoint; `events` is told how that goes. */
export const cloudEventListener = (
  process: Process,
  configs: Store<KeptnConfig>,
  events: Listener,
): Listener => {
  const readToken = tokenReader(process)
  const config = (): KeptnConfig | undefined =>
    inForce(configs.by('namespace', process.settings.namespace))
  const settings = (): CloudEventSettings | undefined => {
    const spec = config()?.spec
    return spec === undefined ? undefined : settingsIn(spec, readToken)
  }
  const notify = (notice: Notice): void => {
    const about = config()
    if (about !== undefined) events.hear([transitionOf(about, notice)])
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
