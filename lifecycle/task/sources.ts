/**
 * What tasks are read from, and what counts where we may not look.
 *
 * @module
 */
import type {
  KeptnAppVersion,
  KeptnTask,
  KeptnTaskDefinition,
  KeptnWorkloadVersion,
} from '../../api/index.ts'
import type { Namespace } from '../../api/kubernetes.ts'
import type { Client } from '../../kube/client.ts'
import { ApiError } from '../../kube/errors.ts'
import type { Store } from '../../kube/store.ts'
import type { FunctionConfigMap } from '../task-definition/function-config-map.ts'
import type { FollowedJob } from './job.ts'
import type { TaskPod } from './pods.ts'
import type { Settings } from './seen.ts'

/** What the controller of tasks reads from. */
export interface Sources {
  /** Set up with `taskIndexes`. */
  readonly tasks: Store<KeptnTask>
  /** Set up with `definitionIndexes`. */
  readonly definitions: Store<KeptnTaskDefinition>
  readonly appVersions: Store<KeptnAppVersion>
  readonly workloadVersions: Store<KeptnWorkloadVersion>
  /** Set up with `taskJobs`. */
  readonly jobs: Store<FollowedJob>
  /** Set up with `taskPods`. */
  readonly pods: Store<TaskPod>
  /** Set up with `functionConfigMaps`. */
  readonly configMaps: Store<FunctionConfigMap>
  readonly namespaces: Store<Namespace>
  readonly client: Pick<Client, 'get' | 'list'>
  readonly settings: Settings
}

/**
 * The answer, or this instead where we may not read it: an installation may let us read some namespaces only, and that must
 * not keep a task from starting, going on or ending.
 */
export const unlessForbidden = async <T>(ask: () => Promise<T>, instead: T): Promise<T> => {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return instead
    throw error
  }
}
