/**
 * What there is to tell of how telling itself goes, on the KeptnConfig that asks for it.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { KeptnConfig } from '../api/index.ts'
import { referenceTo, type Transition } from '../kube/decision.ts'
import type { Store } from '../kube/store.ts'
import { inForce } from '../lifecycle/index.ts'
import type { Listener } from './listeners.ts'

/** Something to tell of the sending. */
export interface Notice {
  readonly reason: string
  readonly severity: 'Normal' | 'Warning'
  readonly message: string
}

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

/** Finds the KeptnConfig in force, and tells `events` what there is to say on it. */
export const configNotices = (
  configs: Store<KeptnConfig>,
  namespace: string,
  events: Listener,
): {
  readonly config: () => KeptnConfig | undefined
  readonly notify: (notice: Notice) => void
} => {
  const config = (): KeptnConfig | undefined => inForce(configs.by('namespace', namespace))
  return {
    config,
    notify: (notice) => {
      const about = config()
      if (about !== undefined) events.hear([transitionOf(about, notice)])
    },
  }
}
