/**
 * Step 1 of a task: what has to be there before its Job is made, and what the Job is made from.
 *
 * Each pass does the first of these that is left to do:
 *
 * 1. Say what is missing: what the definition asks for can't be run (`plan.ts`), or what it names is not there.
 * 2. Copy the code to the task's namespace, where it is elsewhere.
 * 3. Make the Job.
 *
 * @module
 */
import { conditionTypes, type KeptnTask } from '../../api/index.ts'
import { findCondition } from '../../kube/conditions.ts'
import { settled, type Action, type Decision } from '../../kube/decision.ts'
import { codeKey, createFunctionConfigMap } from '../task-definition/function-config-map.ts'
import type { RemoteCode } from '../task-definition/source.ts'
import { nextLook } from '../task-definition/unwatched.ts'
import { secureDataKey } from './environment.ts'
import type { Program } from './job-pod.ts'
import { createJob, jobName } from './job.ts'
import { planOf, type CodeAt, type Plan } from './plan.ts'
import {
  definedIn,
  type Prerequisites,
  type SecretState,
  type Seen,
  type Settings,
  type Status,
} from './seen.ts'
import { stall, type Problem } from './telling.ts'

/** The reason of a task whose Job's name somebody else's Job has: another name is looked for. */
export const nameTaken = 'NameTaken'

/** Makes the Job of a task, or says what it waits for. */
export const start = (seen: Seen): Decision<Status> => {
  const { task, settings, prerequisites } = seen
  const plan = planOf(task, definedIn(seen), settings.namespace)
  if (plan.kind === 'stalled') return stall(seen, plan)
  if (plan.kind === 'waiting' || prerequisites === undefined) return settled
  const problem = missing(task, plan, prerequisites)
  if (problem !== undefined) {
    const stalled = findCondition(task.status?.conditions, conditionTypes.stalled)
    return { ...stall(seen, problem), wakeAt: nextLook(stalled, seen.now) }
  }
  // The Job follows in the pass that has seen the copy, so that its pod never waits for a volume.
  const copy = copyNeeded(task, plan, prerequisites)
  return { ...settled, actions: [copy ?? makeJob(seen, plan, prerequisites)] }
}

type Runnable = Exclude<Plan, { kind: 'stalled' | 'waiting' }>

const isCodeAt = (code: CodeAt | RemoteCode): code is CodeAt => 'name' in code

const missing = (
  task: KeptnTask,
  plan: Runnable,
  { secret, code, salt }: Prerequisites,
): Problem | undefined => {
  if (salt === undefined) {
    return {
      reason: nameTaken,
      message: 'All names that the Job may have are taken by other Jobs: delete them',
    }
  }
  if (plan.kind !== 'script') return undefined
  const { namespace = '' } = task.metadata
  return (
    missingSecret(`${namespace}/${plan.secret ?? ''}`, secret) ??
    (code === 'missing' && isCodeAt(plan.code)
      ? {
          reason: 'ConfigMapMissing',
          message: `ConfigMap "${plan.code.namespace}/${plan.code.name}" with the code under the key "${codeKey}" does not exist: create it, and the task starts`,
        }
      : undefined)
  )
}

const missingSecret = (name: string, secret: SecretState | undefined): Problem | undefined => {
  switch (secret) {
    case 'missing':
      return {
        reason: 'SecretMissing',
        message: `Secret "${name}" does not exist: create it with the key "${secureDataKey}", and the task starts`,
      }
    case 'key-missing':
      return {
        reason: 'SecretKeyMissing',
        message: `Secret "${name}" needs a key ${secureDataKey}: add it, and the task starts`,
      }
    case 'usable':
    case 'unknown':
    case undefined:
      return undefined
  }
}

const copyNeeded = (
  task: KeptnTask,
  plan: Runnable,
  { code, isCopied }: Prerequisites,
): Action | undefined => {
  if (plan.kind !== 'script' || !isCodeAt(plan.code)) return undefined
  const text = plan.code.text ?? (typeof code === 'object' ? code.text : undefined)
  if (plan.code.copy === undefined || isCopied === true || text === undefined) return undefined
  return createFunctionConfigMap(task, plan.code.copy, text)
}

const makeJob = (
  { task, settings }: Seen,
  plan: Runnable,
  { salt = 0, secretVersions = {}, isRestricted = false }: Prerequisites,
): Action =>
  createJob({
    task,
    definition: plan.definition,
    program: programOf(plan, settings),
    name: jobName(task, salt),
    timeoutSeconds: plan.timeoutSeconds,
    secretVersions,
    rules: { ...settings.taskPods, isRestricted },
  })

const programOf = (plan: Runnable, { denoImage, pythonImage }: Settings): Program => {
  if (plan.kind === 'container') return { kind: 'container', container: plan.container }
  const { code, language, runtime } = plan
  const images = { deno: denoImage, python: pythonImage }
  return {
    kind: 'script',
    language,
    runtime,
    image: images[language],
    code: isCodeAt(code)
      ? { kind: 'configMap', name: code.copy ?? code.name }
      : { kind: 'url', ...code },
  }
}
