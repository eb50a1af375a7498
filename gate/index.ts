/**
 * The controllers of the gate, as rows for an entry point.
 *
 * @module
 */
import type { KeptnWorkloadVersion } from '../api/keptn-workload-version.ts'
import type { Namespace } from '../api/kubernetes.ts'
import type { Client } from '../kube/client.ts'
import type { Controller } from '../kube/controller.ts'
import type { Store } from '../kube/store.ts'
import type { HeldPod } from './held-pods.ts'
import { heldController } from './held/index.ts'
import { openingController } from './opening/index.ts'
import { watchReach, type KeptEndpoints } from './nudge/endpoints.ts'
import { nudgeController } from './nudge/index.ts'
import { rememberUnmanaged } from './unmanaged.ts'
import { releasedController } from './released/index.ts'
import type { OwnerStores, Sources } from './released/observe.ts'

export {
  heldPodIndexes,
  heldPods,
  letGoPods,
  projectHeldPod,
  releasedCondition,
  type HeldPod,
} from './held-pods.ts'
export { judge, type Finding } from './opening/decide.ts'
export { webhookEndpoints, type KeptEndpoints } from './nudge/endpoints.ts'
export { versionIndexes } from './verdict.ts'

/** What the gate's controllers are made from. */
export interface GateSources {
  /** Reflected with `heldPods`. */
  readonly pods: Store<HeldPod>
  /** Reflected with `letGoPods`. */
  readonly letGo: Store<HeldPod>
  /** With `versionIndexes`. */
  readonly versions: Store<KeptnWorkloadVersion>
  readonly namespaces: Store<Namespace>
  /** ReplicaSets, StatefulSets and DaemonSets, each with `ownerIndexes`. */
  readonly owners: OwnerStores
  /** Reflected with `webhookEndpoints`. */
  readonly endpoints: Store<KeptEndpoints>
  readonly client: Pick<Client, 'get' | 'list'>
  /** Whether this replica is the leader now. */
  readonly leads: () => boolean
  readonly settings: Sources['settings'] & {
    /** How long a pod is held before it says why; 10 seconds when not given. */
    readonly quietMs?: number
  }
}

/** Indexes that the gate needs of the stores of owners. */
export const ownerIndexes = {
  namespace: (object: {
    readonly metadata: { readonly namespace?: string }
  }): readonly string[] => [object.metadata.namespace ?? ''],
} as const

/** A controller and how many keys it works on at once. */
export interface Row {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- rows differ in what they see
  readonly controller: Controller<any, never>
  readonly workers: number
}

/** The controllers of the gate, and who runs which. */
export interface GateControllers {
  /** For every replica, from its start. */
  readonly always: readonly Row[]
  /** For the leader; to be called at the beginning of each term. */
  readonly leading: () => readonly Row[]
}

/** Makes the controllers of the gate. */
export const gateControllers = (from: GateSources): GateControllers => {
  const unmanaged = rememberUnmanaged()
  const backSince = watchReach(from.endpoints)
  return {
    // As many as the client has writes in flight, and some that read: a version that passes opens all its pods at once.
    always: [{ controller: openingController({ ...from, unmanaged }), workers: 24 }],
    leading: () => [
      { controller: releasedController({ ...from, unmanaged }), workers: 4 },
      // Few, for nobody waits for these writes, and others have to go before them.
      { controller: heldController({ ...from, unmanaged }), workers: 2 },
      { controller: nudgeController({ ...from, backSince }), workers: 4 },
    ],
  }
}
