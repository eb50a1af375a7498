/**
 * Lets held pods say why they are held, one pod a key. The leader alone runs it.
 *
 * @module
 */
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf } from '../../kube/keys.ts'
import { podsOf } from '../opening/index.ts'
import { isPassed, revisionsOf } from '../verdict.ts'
import { decide, saidBy, type Seen } from './decide.ts'
import { observe, type Sources } from './observe.ts'

/** The controller of what held pods say. Made anew for each term of a leader. */
export const heldController = (from: Sources): Controller<Seen, never> => ({
  name: 'gate/held',
  wakes: [
    wake(from.pods, (pod) => [keyOf(pod)]),
    wake(from.letGo, (pod) => [keyOf(pod)]),
    // Pods that have said nothing look at their version when their time comes, and those of one that passed are on their way.
    wake(from.versions, (version) =>
      isPassed(version)
        ? []
        : podsOf(from.pods, version.metadata.namespace, revisionsOf(version))
            .filter((pod) => saidBy(pod) !== undefined)
            .map(keyOf),
    ),
  ],
  observe: observe(from),
  decide,
})
