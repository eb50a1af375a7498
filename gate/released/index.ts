/**
 * Keeps what a Namespace says about its gates, one namespace a key: the released list, `managed-since`, and the opt-in
 * label of namespaces from before. The leader alone runs it.
 *
 * @module
 */
import type { KeptnWorkloadVersion } from '../../api/keptn-workload-version.ts'
import { read, keys } from '../../identity/keys.ts'
import { wake, wakeOnList, type Controller } from '../../kube/controller.ts'
import { isPassed } from '../verdict.ts'
import { decide, isListed, type Seen } from './decide.ts'
import { observe, type Sources } from './observe.ts'

/**
 * The namespace of a version that has passed and is not on its list. One that is goes through its later phases without
 * waking it: a look at a namespace is a look at all of its versions.
 */
const unlistedNamespaces =
  ({ namespaces }: Pick<Sources, 'namespaces'>) =>
  (version: KeptnWorkloadVersion): readonly string[] => {
    const { namespace: name = '' } = version.metadata
    if (!isPassed(version)) return []
    const namespace = namespaces.get(undefined, name)
    return namespace !== undefined && isListed(namespace, version) ? [] : [name]
  }

/** The controller of the released lists. Made anew for each term of a leader: what it remembers ends with the term. */
export const releasedController = (from: Sources): Controller<Seen, never> => ({
  name: 'gate/released',
  wakes: [
    wake(from.namespaces, (namespace) => [namespace.metadata.name]),
    wake(from.versions, unlistedNamespaces(from)),
    // Opening the gate of a pod that names no workload means that its owner was found to name none.
    wake(from.pods, (pod) =>
      read(pod.metadata, keys.workload, keys.recommendedName) === undefined
        ? [pod.metadata.namespace ?? '']
        : [],
    ),
    // A pod that lost our label since the last word of its watch is on no list of those that have it.
    wakeOnList(from.pods, () => [...from.namespaces.all()].map(({ metadata }) => metadata.name)),
  ],
  observe: observe(from),
  decide,
})
