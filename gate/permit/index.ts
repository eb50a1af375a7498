/**
 * The permit: what a kube-scheduler is answered that asks whether a pod may have a node, and the controller that makes it ask
 * again.
 *
 * @module
 */
import { KeptnWorkloadVersion } from '../../api/keptn-workload-version.ts'
import { Namespace, Pod } from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import { keys, permitScheduler } from '../../identity/keys.ts'
import type { Client } from '../../kube/client.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { joinKey, keyOf, parseKey } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import { heldPodIndexes, projectHeldPod, type HeldPod } from '../held-pods.ts'
import { podsLetGoBy, podsOf } from '../opening/index.ts'
import { versionsOf } from '../opening/observe.ts'
import { isPassed, revisionsOf, versionIndexes } from '../verdict.ts'
import { answer, decide, isAnnounced, needsNamespace, type Judged, type Seen } from './decide.ts'
import type { Answer, Question } from './extender.ts'
import { createMemory, type Known } from './memory.ts'

/** What the permit is made from. */
export interface PermitSources {
  /** Reflected with `waitingPods`. */
  readonly pods: Store<HeldPod>
  /** Reflected with `verdicts`. */
  readonly versions: Store<KeptnWorkloadVersion>
  /** Reflected with `permitNamespaces`. */
  readonly namespaces: Store<Namespace>
  readonly client: Pick<Client, 'get'>
  readonly isSynced: () => boolean
  readonly now: () => Date
}

/** What the permit does. */
export interface Permit {
  /** Answers a scheduler, from the stores alone. */
  readonly ask: (question: Question) => Answer
  /** Makes schedulers ask again. */
  readonly controller: Controller<Seen, never>
}

/** Makes the permit. */
export const createPermit = (from: PermitSources): Permit => {
  const { pods, namespaces, now } = from
  const memory = createMemory()
  pods.subscribe(({ before, now: present }) => {
    if (before !== undefined && present === undefined) memory.forget(keyOf(before))
  })

  const lookAt = (pod: HeldPod, at: Date): Judged => ({
    now: at,
    pod,
    namespace: namespaces.get(undefined, pod.metadata.namespace ?? ''),
    versions: versionsOf(from.versions, pod),
    hasLeft: memory.hasLeft(knownAs(pod)),
  })

  const ask = ({ pod: { namespace, name, uid } }: Question): Answer => {
    const pod = pods.get(namespace, name)
    const judged = pod === undefined ? undefined : lookAt(pod, now())
    const given = answer({ uid, isSynced: from.isSynced(), judged })
    const asked = { key: joinKey(namespace, name), uid }
    if (given.passes) memory.settle(asked)
    else memory.unsettle(asked)
    return given
  }

  const observe = async (key: string, at: Date): Promise<Seen | undefined> => {
    const { namespace, name } = parseKey(key)
    const pod = pods.get(namespace, name)
    if (pod === undefined) return undefined
    const known = knownAs(pod)
    if (needsNamespace(lookAt(pod, at)) && (await hasLeft(from, pod, at))) memory.leave(known)
    const announcedAt = memory.announcedAt(known, isAnnounced(lookAt(pod, at)), at)
    const isSettled = memory.isSettled(known)
    return { now: at, pod, announcedAt, isSettled, untold: memory.untold() }
  }

  const controller: Controller<Seen, never> = {
    name: 'gate/permit',
    wakes: [
      wake(pods, (pod) => [keyOf(pod)]),
      wake(from.versions, (version) =>
        isPassed(version)
          ? podsOf(pods, version.metadata.namespace, revisionsOf(version)).map(keyOf)
          : [],
      ),
      wake(namespaces, (namespace) => podsLetGoBy(pods, namespace).map(keyOf)),
    ],
    observe,
    decide,
    applied: ({ pod }, actions) => {
      if (actions.length > 0) memory.settle(knownAs(pod))
    },
  }
  return { ask, controller }
}

const knownAs = (pod: HeldPod): Known => ({ key: keyOf(pod), uid: pod.metadata.uid })

/** Whether the pod's namespace, read now, lets it go. */
const hasLeft = async ({ client }: PermitSources, pod: HeldPod, now: Date): Promise<boolean> => {
  const namespace = await client.get(Namespace, { name: pod.metadata.namespace ?? '' })
  return needsNamespace({ now, pod, namespace, versions: [], hasLeft: false })
}

/** What to give to `startReflector` for the pods that wait for their scheduler to give them a node. */
export const waitingPods = {
  type: Pod,
  fieldSelector: `spec.schedulerName=${permitScheduler},spec.nodeName=`,
  project: projectHeldPod,
  indexes: heldPodIndexes,
} as const

/** These fields of an object, as far as it has them. */
const keep = <T extends object, Field extends keyof T & string>(
  from: T,
  fields: readonly Field[],
): Partial<Pick<T, Field>> => {
  const kept: Partial<Pick<T, Field>> = {}
  for (const field of fields) if (from[field] !== undefined) kept[field] = from[field]
  return kept
}

const metadataFields = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
] as const

const cut = <T extends KubeObject>({
  apiVersion,
  kind,
  metadata,
}: T): Pick<T, 'apiVersion' | 'kind' | 'metadata'> => ({
  apiVersion,
  kind,
  metadata: keep(metadata, metadataFields) as T['metadata'],
})

type VersionStatus = NonNullable<KeptnWorkloadVersion['status']>

/** What to give to `startReflector` for the versions: of each its revisions, its verdict, and where it stands. */
export const verdicts = {
  type: KeptnWorkloadVersion,
  project: (version: KeptnWorkloadVersion): KeptnWorkloadVersion => {
    const { spec, status = {} as VersionStatus } = version
    return {
      ...cut(version),
      spec: keep(spec, ['app', 'revisions']) as KeptnWorkloadVersion['spec'],
      status: keep(status, ['conditions', 'currentPhase', 'status']) as VersionStatus,
    }
  },
  indexes: versionIndexes,
} as const

const namespaceKeys: readonly string[] = [keys.optIn, keys.released]

/** What to give to `startReflector` for the namespaces: whether each is managed, and what was released in it. */
export const permitNamespaces = {
  type: Namespace,
  project: (namespace: Namespace): Namespace => {
    const { labels = {}, annotations = {} } = namespace.metadata
    const ours = (values: Readonly<Record<string, string>>): Record<string, string> =>
      Object.fromEntries(Object.entries(values).filter(([key]) => namespaceKeys.includes(key)))
    const { metadata, ...rest } = cut(namespace)
    return {
      ...rest,
      metadata: { ...metadata, labels: ours(labels), annotations: ours(annotations) },
    }
  },
} as const
