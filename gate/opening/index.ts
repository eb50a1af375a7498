/**
 * Opens gates, one pod a key. Every replica runs it: what it acts on is stored, so whoever comes first is right.
 *
 * @module
 */
import type { Namespace } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import { parseReleased } from '../../identity/released.ts'
import { systemNamespaces, wantsManaging } from '../../identity/scope.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import { revisionIndexKey, type HeldPod } from '../held-pods.ts'
import { isPassed, revisionsOf } from '../verdict.ts'
import { decide, type Seen } from './decide.ts'
import { observe, type Sources } from './observe.ts'
import type { UnmanagedRevisions } from '../unmanaged.ts'
import { watchOthers } from './others.ts'
import { ownerReader } from './owner.ts'
import { watchForStrays } from './strays.ts'

/** The controller that opens gates. */
export const openingController = (
  from: Omit<Sources, 'readOwner' | 'strays' | 'others'> & {
    readonly unmanaged: UnmanagedRevisions
  },
): Controller<Seen, never> => {
  const strays = watchForStrays(from.pods, from.leads)
  return {
    name: 'gate/opening',
    wakes: [
      wake(from.pods, (pod) => [keyOf(pod)]),
      wake(from.versions, (version) =>
        isPassed(version)
          ? podsOf(from.pods, version.metadata.namespace, revisionsOf(version)).map(keyOf)
          : [],
      ),
      wake(from.namespaces, (namespace) => podsLetGoBy(from.pods, namespace).map(keyOf)),
    ],
    observe: observe({
      ...from,
      readOwner: ownerReader(from.client, from.unmanaged),
      strays,
      others: watchOthers(from.pods),
    }),
    decide,
    applied: ({ pod }, actions) => {
      if (actions.length === 0) return
      // The answer has reached the store by now: a pod whose gate is open has left it, and is no stray.
      strays.forget(keyOf(pod))
    },
  }
}

/**
 * The held pods that this namespace, as it is, lets go. Its others are left asleep: the released list is written often,
 * and waking thousands of waiting pods each time would change nothing for them.
 */
export const podsLetGoBy = (pods: Store<HeldPod>, namespace: Namespace): readonly HeldPod[] => {
  const { name, annotations } = namespace.metadata
  return wantsManaging(namespace) && !systemNamespaces.includes(name)
    ? podsOf(pods, name, parseReleased(annotations?.[keys.released]) ?? [])
    : pods.by('namespace', name)
}

/** The held pods of these revisions. */
export const podsOf = (
  pods: Store<HeldPod>,
  namespace: string | undefined,
  revisions: Iterable<string>,
): HeldPod[] =>
  [...revisions].flatMap((revision) => pods.by('revision', revisionIndexKey(namespace, revision)))
