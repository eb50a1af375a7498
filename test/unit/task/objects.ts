/** Objects for the tests of tasks: as small as the kind allows, changed by what a test is about. */
import type { KeptnTask, KeptnTaskDefinition, StatusOf } from '../../../api/index.ts'
import { ownedBy } from '../../../api/object.ts'
import type { Seen } from '../../../lifecycle/task/seen.ts'
import { jobName, taskLabel, ttlAnnotation, type FollowedJob } from '../../../lifecycle/task/job.ts'

/** An instant for `now`. */
export const now = new Date('2026-01-01T12:00:00Z')

export const settings = {
  namespace: 'keptn-system',
  denoImage: 'localhost/deno:1',
  pythonImage: 'localhost/python:1',
  eventNames: 'seeds',
} as const

/** A task that has just been made. */
export const aTask = (
  spec: Partial<KeptnTask['spec']> = {},
  status?: StatusOf<KeptnTask>,
): KeptnTask => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTask',
  metadata: {
    name: 'pre-check-0123456789',
    namespace: 'shop',
    uid: 'task-1',
    resourceVersion: '7',
    creationTimestamp: '2026-01-01T11:59:00Z',
  },
  spec: {
    taskDefinition: 'check',
    checkType: 'pre',
    retries: 3,
    timeout: '5m0s',
    context: { workloadName: 'shop-cart', appName: 'shop', workloadVersion: '1.0' },
    ...spec,
  },
  ...(status === undefined ? {} : { status }),
})

/** A definition that its controller has found usable. */
export const aDefinition = (
  spec: Partial<KeptnTaskDefinition['spec']> = { deno: { inline: { code: 'Deno.exit(0)' } } },
  namespace = 'shop',
): KeptnTaskDefinition => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTaskDefinition',
  metadata: {
    name: 'check',
    namespace,
    uid: 'definition-1',
    resourceVersion: '3',
    generation: 1,
    creationTimestamp: '2026-01-01T11:00:00Z',
  },
  spec: { retries: 3, timeout: '5m', ttlSecondsAfterFinished: 100, ...spec },
  status: {
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Ready',
        message: '',
        lastTransitionTime: '2026-01-01T11:00:00Z',
        observedGeneration: 1,
      },
    ],
  },
})

/** The Job of a task. */
export const aJob = (
  task: KeptnTask,
  conditions: NonNullable<FollowedJob['status']>['conditions'] = [],
): FollowedJob => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: {
    name: jobName(task, 0),
    namespace: 'shop',
    uid: 'job-1',
    resourceVersion: '9',
    creationTimestamp: '2026-01-01T11:59:30Z',
    labels: { [taskLabel]: task.metadata.uid },
    annotations: { [ttlAnnotation]: '100' },
    ownerReferences: [ownedBy(task)],
  },
  spec: {},
  status: { conditions },
})

/** A task and nothing else. */
export const aSeen = (seen: Partial<Seen> = {}): Seen => ({
  now,
  settings,
  task: aTask(),
  job: { kind: 'none' },
  ...seen,
})
