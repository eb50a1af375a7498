/**
 * Takes away all that holds and refuses pods, and lets those go that are held: after it, the cluster is as if Gatekept had
 * never looked at it, but for its kinds and their objects.
 *
 * It needs nothing of ours to run, and may be repeated after a crash at any point: each step finds what it is about in the
 * cluster. The order is part of it: as long as a policy or a webhook acts, pods are held again; as long as the lifecycle operator
 * runs, it writes its notes anew.
 *
 * @module
 */
import { Namespace, Pod } from '../../api/kubernetes.ts'
import type { KubeObject, ResourceType } from '../../api/object.ts'
import { keys } from '../../identity/keys.ts'
import { carriesGate } from '../../identity/scope.ts'
import type { Client, ListQuery } from '../../kube/client.ts'
import { ApiError, isNotFound } from '../../kube/errors.ts'
import { heldLabel, projectHeldPod, releasedCondition, type HeldPod } from '../held-pods.ts'
import { openGate } from '../scheduling-gate.ts'
import { isOurs, obstaclesIn, operatorName, type Obstacle } from './obstacles.ts'
import { settle, type Settled, type Work } from './settle.ts'

/** What leaving needs. */
export interface Leaving {
  readonly client: Client
  /** Where Gatekept was installed, whether or not the namespace is still there. */
  readonly namespace: string
  /** Gets a sentence for each thing that was done. */
  readonly tell: (sentence: string) => void
  /** Waits between two looks at the cluster: longer than an API server takes to forget a policy. */
  readonly pause: () => Promise<unknown>
}

const looks = 20
const pageSize = 500

/** Does it. `true`: nothing is held any more, and nothing of ours is left that could hold or refuse. */
export const leave = async (leaving: Leaving): Promise<boolean> => {
  const { client, namespace, tell, pause } = leaving
  const removed = await removeObstacles(client, namespace)
  tell(removed.length === 0 ? 'Found none of our policies and webhooks.' : toldRemoved(removed))

  const patience = { pause, looks }
  const opened = await settle(gates(client), { ...patience, quiet: 2 })
  tell(toldPods('Let', 'held pod', 'go', opened))
  const isStopped = await operatorStopped(client, namespace, pause)
  if (!isStopped)
    tell(`The pods of Deployment ${operatorName} have not ended: notes may come back.`)
  const silenced = await settle(conditions(client), { ...patience, quiet: 1 })
  if (silenced.done.length + silenced.left.length > 0) {
    tell(toldPods('Told', 'pod', 'no more that they are held', silenced))
  }
  const forgotten = await settle(notes(client), { ...patience, quiet: 1 })
  tell(`Took our notes from ${count(forgotten.done.length, 'namespace')}.`)

  // Looked at last, because it is what counts.
  const held = await gates(client).find()
  for (const { object, why } of [...opened.left, ...silenced.left, ...forgotten.left].slice(0, 5)) {
    tell(`${shownName(object)}: ${why}`)
  }
  tell(
    held.length === 0
      ? 'No pod is held any more.'
      : `${count(held.length, 'pod')} still held (${byNamespace(held)}). Run this again.`,
  )
  return held.length + silenced.left.length + forgotten.left.length === 0
}

/** Says what `leave` would do, and does nothing. */
export const previewLeaving = async ({
  client,
  namespace,
  tell,
}: Omit<Leaving, 'pause'>): Promise<void> => {
  const found: Obstacle[] = []
  for (const obstacle of obstaclesIn(namespace)) {
    if ((await ourObject(client, obstacle)) !== undefined) found.push(obstacle)
  }
  for (const { type, name } of found) tell(`Would delete ${type.kind} ${name}.`)
  const held = await gates(client).find()
  const where = held.length === 0 ? '' : `: ${byNamespace(held)}`
  tell(`Would let ${count(held.length, 'held pod')} go${where}.`)
  const silenced = await conditions(client).find()
  if (silenced.length > 0) tell(`Would correct what ${count(silenced.length, 'pod')} say of it.`)
  const noted = await notes(client).find()
  tell(`Would take our notes from ${count(noted.length, 'namespace')}.`)
}

const ourObject = async (client: Client, { type, ...at }: Obstacle) => {
  try {
    const object = await client.get(type, at)
    return object !== undefined && isOurs(object) ? object : undefined
  } catch (error) {
    // A cluster that doesn't serve the kind has none.
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}

const removeObstacles = async (client: Client, namespace: string): Promise<readonly Obstacle[]> => {
  const removed: Obstacle[] = []
  for (const obstacle of obstaclesIn(namespace)) {
    const object = await ourObject(client, obstacle)
    if (object === undefined) continue
    const { type, ...at } = obstacle
    try {
      await client.delete(type, { ...at, uid: object.metadata.uid })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    removed.push(obstacle)
  }
  return removed
}

const operatorStopped = async (
  client: Client,
  namespace: string,
  pause: () => Promise<unknown>,
): Promise<boolean> => {
  const labelSelector = `app.kubernetes.io/part-of=keptn,control-plane=${operatorName}`
  for (let look = 1; look <= looks; look += 1) {
    const pods = await listAll(client, Pod, { labelSelector, namespace })
    if (pods.every(({ status }) => ['Succeeded', 'Failed'].includes(status?.phase ?? '')))
      return true
    await pause()
  }
  return false
}

/** Pods behind our gate, with the label or without it, and pods with the label alone. */
const gates = (client: Client): Work<HeldPod> => ({
  find: async () => {
    const [labelled, waiting] = await Promise.all([
      listPods(client, { labelSelector: `${keys.gated}=true` }),
      listPods(client, { fieldSelector: 'spec.nodeName=' }),
    ])
    const held = [...labelled, ...waiting.filter(carriesGate)]
    return [...new Map(held.map((pod) => [pod.metadata.uid, pod])).values()]
  },
  mend: (pod) => client.patch(Pod, carriesGate(pod) ? openGate(pod) : withoutLabel(pod)),
})

const withoutLabel = ({ metadata }: HeldPod) => ({
  ...at(metadata),
  patchType: 'strategic' as const,
  patch: { metadata: { uid: metadata.uid, labels: { [keys.gated]: null } } },
})

/** What pods say about being held: nobody would put it right when they run. */
const conditions = (client: Client): Work<HeldPod> => ({
  find: () => listPods(client, { labelSelector: `${heldLabel}=true` }),
  mend: ({ metadata }) =>
    client.patch(Pod, {
      ...at(metadata),
      subresource: 'status',
      patchType: 'strategic',
      patch: {
        metadata: { uid: metadata.uid, labels: { [heldLabel]: null } },
        status: { conditions: [{ $patch: 'delete', type: releasedCondition }] },
      },
    }),
})

const noteKeys = [keys.released, keys.managedSince]

/** What is noted on namespaces: kept, a later installation would take it for true, though much has happened meanwhile. */
const notes = (client: Client): Work<Namespace> => ({
  find: async () => {
    const all = await listAll(client, Namespace, {})
    return all.filter(({ metadata }) => noteKeys.some((key) => key in (metadata.annotations ?? {})))
  },
  mend: ({ metadata }) =>
    client.patch(Namespace, {
      ...at(metadata),
      patchType: 'merge',
      patch: {
        metadata: {
          uid: metadata.uid,
          annotations: Object.fromEntries(noteKeys.map((key) => [key, null])),
        },
      },
    }),
})

const at = ({ namespace, name }: KubeObject['metadata']) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
})

const listPods = async (client: Client, query: ListQuery): Promise<readonly HeldPod[]> =>
  listAll<Pod, HeldPod>(client, Pod, query, projectHeldPod)

/** All pages of a list; of each object what is needed, so that memory does not grow with what it says. */
const listAll = async <T extends KubeObject, Kept extends KubeObject = T>(
  client: Client,
  type: ResourceType<T>,
  query: ListQuery,
  keep: (object: T) => Kept = (object) => object as unknown as Kept,
): Promise<readonly Kept[]> => {
  const all: Kept[] = []
  let next: string | undefined
  do {
    const page = await client.list(type, {
      ...query,
      limit: pageSize,
      ...(next === undefined ? {} : { continue: next }),
    })
    all.push(...page.items.map(keep))
    next = page.continue
  } while (next !== undefined && next !== '')
  return all
}

const toldRemoved = (removed: readonly Obstacle[]): string => {
  const kinds = new Map<string, number>()
  for (const { type } of removed) kinds.set(type.kind, (kinds.get(type.kind) ?? 0) + 1)
  return `Deleted ${[...kinds].map(([kind, number]) => `${number} ${kind}`).join(', ')}.`
}

const toldPods = (
  verb: string,
  what: string,
  rest: string,
  { done, left }: Settled<HeldPod>,
): string => {
  const where = done.length === 0 ? '' : `: ${byNamespace(done)}`
  const failed = left.length === 0 ? '' : ` Could not for ${count(left.length, 'pod')}.`
  return `${verb} ${count(done.length, what)} ${rest}${where}.${failed}`
}

/** `2 in shop, 1 in cart`; of many namespaces those with most. */
const byNamespace = (pods: readonly KubeObject[]): string => {
  const counts = new Map<string, number>()
  for (const { metadata } of pods) {
    counts.set(metadata.namespace ?? '', (counts.get(metadata.namespace ?? '') ?? 0) + 1)
  }
  const most = [...counts].sort(([, one], [, other]) => other - one)
  const shown = most.slice(0, 10).map(([name, number]) => `${number} in ${name}`)
  const more = most.length - shown.length
  return [...shown, ...(more > 0 ? [`and ${count(more, 'more namespace')}`] : [])].join(', ')
}

const count = (number: number, what: string): string =>
  `${number} ${what}${number === 1 ? '' : 's'}`

const shownName = ({ kind, metadata: { namespace, name } }: KubeObject): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`
