/**
 * Watches the policy that guards what people ask, and its binding: two objects, by their name. Where the API server has no such
 * policies it is asked once, and nothing is watched.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import type { Client } from '../../kube/client.ts'
import { wake } from '../../kube/controller.ts'
import { pause } from '../../kube/back-off.ts'
import { startReflector, type Reflector, type ReflectorTiming } from '../../kube/reflector.ts'
import { isServed } from '../../kube/served.ts'
import { createFeed, type Feed } from '../../kube/store.ts'
import type { ActionsGuard } from './guard.ts'
import { policyName, policyState, type PolicyState } from './policy.ts'

/** Starts to watch, until the signal is aborted. */
export const watchPolicy = (options: {
  readonly client: Client
  readonly log: Logger
  readonly signal: AbortSignal
  readonly now?: () => Date
  /** For tests. */
  readonly timing?: Partial<ReflectorTiming>
}): ActionsGuard => {
  const { client, log, signal, now = () => new Date() } = options
  const words = createWords(log)
  let isThere: boolean | undefined
  let watched: ReturnType<typeof reflect> | undefined

  const look = (): PolicyState | undefined => {
    if (isThere === undefined) return undefined
    if (watched?.isSynced() === false) return undefined
    return policyState({
      isServed: isThere,
      policy: watched?.policies.store.get(undefined, policyName),
      binding: watched?.bindings.store.get(undefined, policyName),
      now: now(),
    })
  }
  let told: PolicyState | undefined
  let settling = new AbortController()
  const tell = (): void => {
    settling.abort()
    const state = look()
    if (!isDeepStrictEqual(state, told)) {
      told = state
      log.info({ guard: state }, 'Guard of actions changed')
      words.say()
    }
    if (state?.kind !== 'absent' || state.until === undefined) return
    settling = new AbortController()
    void later(state.until.getTime() - now().getTime(), AbortSignal.any([signal, settling.signal]))
  }
  const later = async (ms: number, until: AbortSignal): Promise<void> => {
    if (await pause(ms, until)) tell()
  }

  const start = async (): Promise<void> => {
    const answer = await isServed(client, ValidatingAdmissionPolicy, signal)
    if (answer) {
      watched = reflect(options)
      for (const { store } of [watched.policies, watched.bindings]) {
        store.subscribe(tell, { signal })
      }
    }
    isThere = answer
    await Promise.all([watched?.policies.synced, watched?.bindings.synced])
    tell()
  }
  start().catch((error: unknown) => {
    // At the end of the process nobody asks any more.
    if (!signal.aborted) log.error({ err: error }, 'Guard of actions not watched')
  })

  return {
    state: () => look()?.kind ?? 'unknown',
    wakes: (keys) => [wake(words.store, () => keys())],
  }
}

const reflect = (options: Parameters<typeof watchPolicy>[0]) => {
  const { client, log, signal, timing } = options
  const one = { client, log, signal, fieldSelector: `metadata.name=${policyName}` }
  const timed = timing === undefined ? {} : { timing }
  const policies: Reflector<ValidatingAdmissionPolicy> = startReflector({
    ...{ ...one, ...timed },
    type: ValidatingAdmissionPolicy,
  })
  const bindings: Reflector<ValidatingAdmissionPolicyBinding> = startReflector({
    ...{ ...one, ...timed },
    type: ValidatingAdmissionPolicyBinding,
  })
  return { policies, bindings, isSynced: () => policies.isSynced() && bindings.isSynced() }
}

/** What controllers are woken by: a store with one object, which is another each time there is something to tell. */
const createWords = (log: Logger): { store: Feed<KubeObject>['store']; say: () => void } => {
  let times = 0
  const feed = createFeed<KubeObject>({
    project: (object) => object,
    matches: () => false,
    indexes: {},
    onError: (error) => {
      log.error({ err: error }, 'Guard of actions not told')
    },
  })
  const said = (): KubeObject => ({
    apiVersion: 'gatekept.dev/v1',
    kind: 'ActionsGuard',
    metadata: {
      name: policyName,
      uid: policyName,
      resourceVersion: String((times += 1)),
      creationTimestamp: '',
    },
  })
  return {
    store: feed.store,
    say: () => {
      feed.apply('MODIFIED', said())
    },
  }
}
