/**
 * Nudges owners of pods after an outage of the webhook, one owner a key. The leader alone runs it.
 *
 * @module
 */
import type { Namespace } from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import { decide, isOver, lacksPods, type Owner, type Seen } from './decide.ts'
import type { KeptEndpoints } from './endpoints.ts'

/** Where nudges are made from. */
export interface Sources {
  readonly namespaces: Store<Namespace>
  /** ReplicaSets, StatefulSets and DaemonSets. */
  readonly owners: readonly Store<KubeObject>[]
  /** Reflected with `webhookEndpoints`. */
  readonly endpoints: Store<KeptEndpoints>
  /** Since when the webhook can be reached. */
  readonly backSince: () => Date | undefined
}

/** The controller that nudges owners. */
export const nudgeController = (from: Sources): Controller<Seen, never> => {
  const isTime = (): boolean => {
    const since = from.backSince()
    return since !== undefined && !isOver(since, new Date())
  }
  const lacking = (objects: Iterable<KubeObject>): readonly string[] =>
    isTime() ? [...objects].filter((object) => lacksPods(object as Owner)).map(ownerKey) : []
  return {
    name: 'gate/nudge',
    wakes: [
      wake(from.endpoints, () => from.owners.flatMap((owners) => lacking(owners.all()))),
      ...from.owners.map((owners) => wake(owners, (owner) => lacking([owner]))),
    ],
    observe: (key, now) => {
      const [kind = '', path = ''] = key.split(':')
      const { namespace, name } = parseKey(path)
      const owner = from.owners
        .map((owners) => owners.get(namespace, name))
        .find((each) => each?.kind === kind)
      if (owner === undefined) return undefined
      return {
        now,
        owner: owner as Owner,
        namespace: from.namespaces.get(undefined, namespace ?? ''),
        backSince: from.backSince(),
      }
    },
    decide,
  }
}

const ownerKey = (owner: KubeObject): string => `${owner.kind}:${keyOf(owner)}`
