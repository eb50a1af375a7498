/**
 * Keeps what a Namespace says about its gates, one namespace a key: the released list, `managed-since`, and the opt-in
 * label of namespaces from before. The leader alone runs it.
 *
 * @module
 */
import { read, keys } from '../../identity/keys.ts'
import type { Store } from '../../kube/store.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import type { HeldPod } from '../held-pods.ts'
import { isPassed } from '../verdict.ts'
import { decide, type Seen } from './decide.ts'
import { observe, type Sources } from './observe.ts'

/** The controller of the released lists. Made anew for each term of a leader: what it remembers ends with the term. */
export const releasedController = (
  from: Sources & { readonly pods: Store<HeldPod> },
): Controller<Seen, never> => ({
  name: 'gate/released',
  wakes: [
    wake(from.namespaces, (namespace) => [namespace.metadata.name]),
    wake(from.versions, (version) => (isPassed(version) ? [version.metadata.namespace ?? ''] : [])),
    // Opening the gate of a pod that names no workload means that its owner was found to name none.
    wake(from.pods, (pod) =>
      read(pod.metadata, keys.workload, keys.recommendedName) === undefined
        ? [pod.metadata.namespace ?? '']
        : [],
    ),
  ],
  observe: observe(from),
  decide,
})
