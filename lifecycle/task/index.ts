/**
 * The controller of KeptnTasks: runs each as one Job.
 *
 * @module
 */
import {
  KeptnTask,
  type KeptnAppVersion,
  type KeptnTaskDefinition,
  type KeptnWorkloadVersion,
} from '../../api/index.ts'
import { Job } from '../../api/kubernetes.ts'
import { controllerOf, type KubeObject } from '../../api/object.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { joinKey, keyOf } from '../../kube/keys.ts'
import { mayAbandon } from '../checks/ending.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { heirsOf } from '../task-definition/lineage.ts'
import { decide, refused } from './decide.ts'
import { observe, type MadeJobs } from './observe.ts'
import type { Seen, Status } from './seen.ts'
import type { Sources } from './sources.ts'

export { taskJobs, type FollowedJob } from './job.ts'
export { enforceLabel } from './pod-security.ts'
export { taskPods, type TaskPod } from './pods.ts'
export type { Settings } from './seen.ts'

/** Indexes for the store of tasks: those without a Job, by the name of their definition, and those under way, by their owner. */
export const taskIndexes = {
  underWayOf: (task: KeptnTask): readonly string[] =>
    isTerminal(task.status?.status) ? [] : [controllerOf(task)?.uid ?? ''],
  waitingForDefinition: ({ spec, status }: KeptnTask): readonly string[] =>
    status?.jobUid === undefined && !isTerminal(status?.status) ? [spec.taskDefinition] : [],
}

/** A task is looked at when it changes, when its Job or its copy of the code does, and when its definition, or one that this runs the code of, does before that. */
export const taskController = (
  sources: Sources,
  made: MadeJobs = new Map(),
): Controller<Seen, Status> => ({
  name: 'task',
  wakes: [
    wake(sources.tasks, (task) => [keyOf(task)]),
    wake(sources.jobs, ownerKey),
    wake(sources.configMaps, ownerKey),
    wake(sources.appVersions, ofEnded(sources)),
    wake(sources.workloadVersions, ofEnded(sources)),
    wake(sources.definitions, waitingFor(sources)),
  ],
  observe: observe(sources, made),
  decide,
  refused,
  applied: ({ task }, actions) => {
    for (const action of actions) {
      if (action.kind !== 'create' || action.type.kind !== Job.kind) continue
      const jobName = action.object.metadata.name
      made.set(keyOf(task), { taskUid: task.metadata.uid, jobName })
    }
  },
  subject: ({ task }) => ({ type: KeptnTask, object: task }),
})

/** The tasks of a version that has ended before its time, or of which a person has stopped some. */
const ofEnded =
  ({ tasks }: Sources) =>
  (version: KeptnAppVersion | KeptnWorkloadVersion): readonly string[] =>
    mayAbandon(version) ? tasks.by('underWayOf', version.metadata.uid).map(keyOf) : []

/** The tasks that may start by this definition: their own, or one whose code theirs runs. */
const waitingFor =
  ({ tasks, definitions, settings }: Sources) =>
  (definition: KeptnTaskDefinition): readonly string[] => {
    const { name } = definition.metadata
    const heirs = heirsOf(definitions, name).map(({ metadata }) => metadata.name)
    return [...new Set([name, ...heirs])]
      .flatMap((each) => tasks.by('waitingForDefinition', each))
      .filter((task) => mayUse(task, definition, settings.namespace))
      .map(keyOf)
  }

const mayUse = (task: KeptnTask, { metadata }: KeptnTaskDefinition, home: string): boolean =>
  metadata.namespace === task.metadata.namespace || metadata.namespace === home

const ownerKey = (object: KubeObject): readonly string[] => {
  const owner = controllerOf(object)
  return owner?.kind === KeptnTask.kind ? [joinKey(object.metadata.namespace, owner.name)] : []
}
