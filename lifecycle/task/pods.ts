/**
 * The pods of tasks, as far as they tell what a task has left that ended well.
 *
 * @module
 */
import { Pod } from '../../api/kubernetes.ts'
import { controllerOf, type KubeObject } from '../../api/object.ts'
import { leanMetadata } from '../task-definition/function-config-map.ts'
import { taskLabel } from './job.ts'
import { leftAs, resultPath, type Left } from './result.ts'

/** What is kept in memory of a task's pod. */
export interface TaskPod extends KubeObject {
  /** There once its container has ended well. */
  readonly ended?: { readonly text?: string }
}

/** A user's container may have its own use for the message that it ends with. */
const endedIn = ({ spec, status }: Pod): TaskPod['ended'] => {
  const ours = spec.containers.find((each) => each.terminationMessagePath === resultPath)
  const terminated = (status?.containerStatuses ?? [])
    .filter(({ name }) => ours === undefined || name === ours.name)
    .map(({ state }) => state?.terminated)
    .find((each) => each?.exitCode === 0)
  if (terminated === undefined) return undefined
  const { message } = terminated
  return ours === undefined || message === undefined ? {} : { text: message }
}

/** Cuts a pod down to what is read of it: there may be thousands. */
export const projectTaskPod = (pod: Pod): TaskPod => {
  const { apiVersion, kind, metadata } = pod
  const ended = endedIn(pod)
  return {
    apiVersion,
    kind,
    metadata: leanMetadata({ ...metadata, labels: {} }),
    ...(ended === undefined ? {} : { ended }),
  }
}

/** How a reflector of pods has to be set up for the controller of tasks. */
export const taskPods = {
  type: Pod,
  labelSelector: taskLabel,
  project: projectTaskPod,
  indexes: {
    job: (pod: KubeObject): readonly string[] => {
      const uid = controllerOf(pod)?.uid
      return uid === undefined ? [] : [uid]
    },
  },
}

/** What the pod has left that ended well; `unknown`: none of these has, as far as is known. */
export const leftIn = (pods: readonly TaskPod[]): Left | 'nothing' | 'unknown' => {
  const ended = pods.find((pod) => pod.ended !== undefined)?.ended
  if (ended === undefined) return 'unknown'
  return leftAs(ended.text ?? '') ?? 'nothing'
}
