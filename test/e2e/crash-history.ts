/**
 * Everything that ever happened to some kinds of objects in a cluster, and what must hold of it however often the controller
 * died meanwhile.
 *
 * It is watched, not read from the audit log: of a write whose client died before the answer, the audit log says that it
 * failed, though it may have been carried out.
 *
 * @module
 */
import { conditionTypes, KeptnTask, KeptnWorkloadVersion } from '../../api/index.ts'
import { Job, Pod } from '../../api/kubernetes.ts'
import { controllerOf, type KubeObject, type ResourceType } from '../../api/object.ts'
import { gateName } from '../../identity/keys.ts'
import { revisionOf } from '../../identity/revision.ts'
import type { Client } from '../../kube/client.ts'
import { findCondition } from '../../kube/conditions.ts'
import { keyOf } from '../../kube/keys.ts'
import { eventually } from '../eventually.ts'

/** What was counted, and what must never have happened and did. */
export interface Findings {
  /** How many versions of workloads were made. */
  readonly versions: number
  /** How many tasks were made. */
  readonly tasks: number
  /** How many Jobs were made. */
  readonly jobs: number
  /** How many gates were opened. */
  readonly opened: number
  readonly violations: readonly string[]
}

/** What is being watched. */
export interface History {
  /** What has happened in these namespaces until now. Throws if a part of it was missed. */
  readonly of: (namespaces: readonly string[]) => Promise<Findings>
  readonly stop: () => void
}

const watched = [Pod, Job, KeptnTask, KeptnWorkloadVersion] as readonly ResourceType<KubeObject>[]

/** Starts to watch. Namespaces that are asked about later are made after this. */
export const startHistory = async (client: Client): Promise<History> => {
  const ending = new AbortController()
  const states: KubeObject[] = []
  const failures: unknown[] = []
  const follow = async (type: ResourceType<KubeObject>, resourceVersion: string): Promise<void> => {
    const events = client.watch(type, { resourceVersion }, { signal: ending.signal })
    for await (const event of events) if (event.type !== 'BOOKMARK') states.push(event.object)
    throw new Error(`The watch of ${type.kind} has ended, so that something may be missed`)
  }
  for (const type of watched) {
    const { resourceVersion } = await client.list(type, { limit: 1 })
    follow(type, resourceVersion).catch((error: unknown) => failures.push(error))
  }
  return {
    of: async (namespaces) => {
      const isAsked = ({ metadata }: KubeObject): boolean =>
        namespaces.includes(metadata.namespace ?? '')
      for (const type of watched) {
        const { items } = await client.list(type)
        await awaitSeen(items.filter(isAsked), states)
      }
      if (failures.length > 0) throw failures[0]
      return find(states.filter(isAsked))
    },
    stop: () => {
      ending.abort()
    },
  }
}

/** Waits until the watch has come to what is there now. */
const awaitSeen = (items: readonly KubeObject[], states: readonly KubeObject[]): Promise<void> =>
  eventually(() => {
    const seen = new Set(states.map(momentOf))
    const missed = items.find((item) => !seen.has(momentOf(item)))
    if (missed !== undefined) throw new Error(`${missed.kind} "${keyOf(missed)}" was not seen yet`)
  })

/** When an object came to be as it is, to compare with others: all kinds count together. */
const momentOf = ({ metadata }: KubeObject): number => Number(metadata.resourceVersion)

const uidOf = ({ metadata }: KubeObject): string => metadata.uid

const ownerOf = (object: KubeObject): string => controllerOf(object)?.uid ?? ''

/** The first state of each object that is as asked for. */
const firstOf = <T extends KubeObject>(
  states: readonly T[],
  is: (state: T) => boolean = () => true,
): readonly T[] => {
  const groups = Map.groupBy(states.filter(is), uidOf).values()
  return [...groups].map((group) => group.reduce((a, b) => (momentOf(b) < momentOf(a) ? b : a)))
}

interface World {
  readonly tasks: readonly KeptnTask[]
  readonly jobs: readonly Job[]
  /** Jobs as they were when they had completed. */
  readonly completed: readonly Job[]
  /** Versions as they were when they had got their verdict. */
  readonly verdicts: readonly KeptnWorkloadVersion[]
}

const find = (states: readonly KubeObject[]): Findings => {
  const of = <T extends KubeObject>({ kind }: ResourceType<T>): readonly T[] =>
    states.filter((state): state is T => state.kind === kind)
  const pods = of(Pod).filter((pod) => revisionOf(pod)?.owner.kind === 'ReplicaSet')
  const world: World = {
    tasks: firstOf(of(KeptnTask)),
    jobs: firstOf(of(Job)),
    completed: firstOf(of(Job), isComplete),
    verdicts: firstOf(of(KeptnWorkloadVersion), hasPassed),
  }
  const opened = firstOf(pods, (pod) => !hasGate(pod))
  return {
    versions: firstOf(of(KeptnWorkloadVersion)).length,
    tasks: world.tasks.length,
    jobs: world.jobs.length,
    opened: opened.length,
    violations: [
      ...repeated(world.tasks, checkOf).map((check) => `more than one task for ${check}`),
      ...repeated(world.jobs, ownerOf).map((uid) => `more than one Job for the task ${uid}`),
      ...firstOf(pods)
        .filter((pod) => !hasGate(pod))
        .map((pod) => `pod ${keyOf(pod)} was made without a gate`),
      ...opened.flatMap((pod) => tooEarly(world, pod)),
    ],
  }
}

/** What a task is for: a version, a phase and a definition. */
const checkOf = (task: KeptnTask): string =>
  `${ownerOf(task)}/${task.spec.checkType ?? ''}/${task.spec.taskDefinition}`

const repeated = <T>(objects: readonly T[], by: (object: T) => string): readonly string[] =>
  [...Map.groupBy(objects, by)].filter(([, group]) => group.length > 1).map(([key]) => key)

const isComplete = ({ status }: Job): boolean =>
  (status?.conditions ?? []).some((each) => each.type === 'Complete' && each.status === 'True')

const hasPassed = ({ status }: KeptnWorkloadVersion): boolean =>
  findCondition(status?.conditions, conditionTypes.preDeploymentPassed)?.status === 'True'

const hasGate = ({ spec }: Pod): boolean =>
  (spec.schedulingGates ?? []).some(({ name }) => name === gateName)

/** A gate opens after the verdict of its version was stored, and that after the Jobs of its checks had completed. */
const tooEarly = (world: World, pod: Pod): readonly string[] => {
  const revision = revisionOf(pod)?.key ?? ''
  const version = world.verdicts.find(({ spec }) => spec.revisions?.includes(revision))
  if (version === undefined || momentOf(pod) < momentOf(version)) {
    return [`the gate of ${keyOf(pod)} opened before its verdict was stored`]
  }
  const checks = world.tasks.filter(
    (task) => ownerOf(task) === uidOf(version) && task.spec.checkType === 'pre',
  )
  const ended = world.completed.filter(
    (job) =>
      checks.some((task) => uidOf(task) === ownerOf(job)) && momentOf(job) < momentOf(version),
  )
  return checks.length > 0 && ended.length === checks.length
    ? []
    : [`the verdict on ${keyOf(pod)} was stored before its checks had ended`]
}
