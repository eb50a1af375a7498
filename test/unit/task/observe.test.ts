import { expect, test } from '@jest/globals'
import type { KeptnAppVersion, KeptnTask, KeptnTaskDefinition } from '../../../api/index.ts'
import type { Pod } from '../../../api/kubernetes.ts'
import type { KubeObject } from '../../../api/object.ts'
import { ApiError } from '../../../kube/errors.ts'
import type { Store } from '../../../kube/store.ts'
import { decide } from '../../../lifecycle/task/decide.ts'
import { secretVersionsAnnotation, type FollowedJob } from '../../../lifecycle/task/job.ts'
import { observe } from '../../../lifecycle/task/observe.ts'
import type { Sources } from '../../../lifecycle/task/sources.ts'
import { projectTaskPod, taskPods } from '../../../lifecycle/task/pods.ts'
import { filledStore } from '../filled-store.ts'
import { aDefinition, aJob, aTask, now, settings } from './objects.ts'

const storeOf = <T extends KubeObject>(...objects: readonly T[]): Store<T> => filledStore(objects)

/** A cluster of which stores and API server may say different things. */
interface Cluster {
  readonly task: KeptnTask
  readonly live?: Readonly<Record<string, unknown>>
  readonly definition?: KeptnTaskDefinition
  readonly job?: FollowedJob
  readonly pods?: readonly Pod[]
  readonly appVersion?: KeptnAppVersion
  /** The Job that was made for it in this term, and is in no store. */
  readonly made?: string
  /** The version of the cluster when the term began; the task is older, unless another is named. */
  readonly termBeganAt?: string
}

const podsOf = (...pods: readonly Pod[]): Sources['pods'] =>
  filledStore(pods.map(projectTaskPod), taskPods.indexes)

const look = async (cluster: Cluster) => {
  const { task, live = {}, definition, job, pods = [], termBeganAt = '1000', appVersion } = cluster
  const asked: string[] = []
  const answer = (kind: string): unknown => {
    asked.push(kind)
    if (live[kind] instanceof Error) throw live[kind]
    return live[kind]
  }
  const client = {
    get: (type: { readonly kind: string }) => Promise.resolve().then(() => answer(type.kind)),
    list: (type: { readonly kind: string }) => {
      if (type.kind !== 'KeptnTask') return Promise.resolve().then(() => answer(type.kind))
      asked.push('version')
      return Promise.resolve({ items: [], resourceVersion: termBeganAt })
    },
  } as unknown as Sources['client']
  const made = new Map<string, { taskUid: string; jobName: string }>()
  if (cluster.made !== undefined) {
    made.set(`shop/${task.metadata.name}`, { taskUid: task.metadata.uid, jobName: cluster.made })
  }
  const sources: Sources = {
    tasks: storeOf(task),
    definitions: definition === undefined ? storeOf() : storeOf(definition),
    jobs: job === undefined ? storeOf() : storeOf(job),
    pods: podsOf(...pods),
    configMaps: storeOf(),
    namespaces: storeOf(),
    appVersions: appVersion === undefined ? storeOf() : storeOf(appVersion),
    workloadVersions: storeOf(),
    client,
    settings,
  }
  const read = observe(sources, made)
  const lookOnce = () => read(`shop/${task.metadata.name}`, now)
  const seen = await lookOnce()
  return { seen, asked, lookOnce, decision: seen === undefined ? undefined : decide(seen) }
}

const forbidden = new ApiError('Cannot get', { status: 403, reason: 'Forbidden' })
const recorded = (extra: object = {}): KeptnTask => {
  const { name, uid } = aJob(aTask()).metadata
  return aTask({}, { status: 'Progressing', jobName: name, jobUid: uid, ...extra })
}

test('a store that is behind never leads to a second Job', async () => {
  const { seen, decision } = await look({
    task: aTask(),
    definition: aDefinition(),
    live: { KeptnTask: recorded() },
  })
  expect(seen?.job.kind).toBe('gone')
  expect(decision?.actions).toEqual([])
  expect(decision?.status).toMatchObject({ status: 'Failed', reason: 'JobVanished' })
})

test('a task that is made anew under its name, or is being deleted, is left to a later look', async () => {
  const task = aTask()
  const anew = { ...task, metadata: { ...task.metadata, uid: 'task-2' } }
  const leaving = { ...task, metadata: { ...task.metadata, deletionTimestamp: 'now' } }
  for (const live of [anew, leaving, undefined]) {
    const { seen } = await look({ task, definition: aDefinition(), live: { KeptnTask: live } })
    expect(seen).toBeUndefined()
  }
})

test.each([
  ['that has ended', { task: recorded({ status: 'Failed' }) }],
  ['whose Job runs', { task: recorded(), job: aJob(aTask()) }],
  ['without a definition', { task: aTask() }],
])('a task %s costs no request', async (_, cluster) => {
  expect((await look(cluster)).asked).toEqual([])
})

test('a task whose version is given up is stopped, though its Job has no label of ours', async () => {
  const given = recorded()
  const owner = {
    apiVersion: 'lifecycle.keptn.sh/v1',
    ...{ kind: 'KeptnAppVersion', name: 'shop-1', uid: 'version-1', controller: true },
  }
  const task = { ...given, metadata: { ...given.metadata, ownerReferences: [owner] } }
  const appVersion = {
    kind: 'KeptnAppVersion',
    metadata: { name: 'shop-1', namespace: 'shop', uid: 'version-1', resourceVersion: '5' },
    status: { status: 'Deprecated' },
  } as unknown as KeptnAppVersion
  const job = aJob(task)
  const unseen = { ...job, metadata: { ...job.metadata, labels: {} } }
  const stopped = await look({ task, appVersion, live: { Job: unseen } })
  expect(stopped.decision?.status).toMatchObject({ status: 'Deprecated', jobUid: 'job-1' })
  // With its label it is seen, and deleted.
  const labels = { metadata: { uid: 'job-1', labels: { 'gatekept.dev/task-uid': 'task-1' } } }
  expect(stopped.decision?.actions).toMatchObject([{ kind: 'patch', patch: labels }])
  const gone = await look({ task, appVersion })
  expect(gone.decision).toMatchObject({ status: { status: 'Deprecated' }, actions: [] })
  const done = { ...unseen, status: { conditions: [{ type: 'Complete', status: 'True' }] } }
  const ended = await look({ task, appVersion, live: { Job: done } })
  expect(ended.decision?.status?.status).toBe('Succeeded')
})

const createsJob = [{ kind: 'create', type: { kind: 'Job' } }]

test('a task of an earlier term costs two requests before it starts', async () => {
  const { asked, decision, lookOnce } = await look({
    task: aTask(),
    definition: aDefinition(),
    live: { KeptnTask: aTask() },
  })
  expect(decision?.actions).toMatchObject(createsJob)
  await lookOnce()
  expect(asked).toEqual(['version', 'Job', 'KeptnTask', 'Job', 'KeptnTask'])
})

test('a Job of an earlier term that no store knows is followed, and not asked for again', async () => {
  const task = aTask()
  const live = { Job: aJob(task), KeptnTask: task }
  const { decision } = await look({ task, definition: aDefinition(), live })
  expect(decision).toMatchObject({ status: { jobUid: 'job-1' }, actions: [] })
})

test('a task of this term costs none', async () => {
  const { asked, decision, lookOnce } = await look({
    task: aTask(),
    definition: aDefinition(),
    termBeganAt: '0',
  })
  expect(decision?.actions).toMatchObject(createsJob)
  await lookOnce()
  expect(asked).toEqual(['version'])
})

test('a Job that was made in this term and has gone is not made again, whatever the stores say of its task', async () => {
  const task = aTask()
  const cluster = { task, definition: aDefinition(), made: 'pre-check', termBeganAt: '0' }
  const withTask = await look(cluster)
  expect(withTask.seen).toBeUndefined()
  const deleted = await look({ ...cluster, live: { KeptnTask: task } })
  expect(deleted.decision).toMatchObject({ actions: [], status: { reason: 'JobVanished' } })
  expect(deleted.decision?.status?.message).toContain('Job "pre-check" was deleted')
  const unlabelled = await look({ ...cluster, live: { KeptnTask: task, Job: aJob(task) } })
  expect(unlabelled.decision).toMatchObject({ status: { jobUid: 'job-1' }, actions: [] })
})

test("a Job with a task's name that the task does not own is not the task's", async () => {
  const foreign = aJob({ ...aTask(), metadata: { ...aTask().metadata, uid: 'task-2' } })
  const job = { ...foreign, metadata: { ...foreign.metadata, name: aJob(aTask()).metadata.name } }
  const live = { KeptnTask: aTask() }
  const { seen } = await look({ task: aTask(), definition: aDefinition(), job, live })
  expect(seen?.job.kind).toBe('none')
})

test('a Job that another took the place of is gone', async () => {
  const job = aJob(aTask())
  const other = { ...job, metadata: { ...job.metadata, uid: 'job-2' } }
  const { seen } = await look({ task: recorded(), job: other, live: { Job: other } })
  expect(seen?.job.kind).toBe('gone')
})

test('a Job that a task names without its UID is followed only if the task owns it', async () => {
  const task = aTask({}, { status: 'Progressing', jobName: 'by-keptn' })
  const own = aJob(task)
  const foreign = aJob({ ...task, metadata: { ...task.metadata, uid: 'task-2' } })
  const followed = await look({ task, live: { Job: own } })
  expect(followed.decision?.status?.jobUid).toBe('job-1')
  const gone = await look({ task, live: { Job: foreign } })
  expect(gone.decision?.status).toMatchObject({ status: 'Failed', reason: 'JobVanished' })
})

test('a Job that a late request has made for a task that has ended is deleted', async () => {
  const job = aJob(aTask())
  const late = { ...job, metadata: { ...job.metadata, uid: 'job-2' } }
  const { decision } = await look({ task: recorded({ status: 'Failed' }), job: late })
  expect(decision?.actions).toMatchObject([{ kind: 'delete', uid: 'job-2' }])
})

test('a Secret that we may not read holds no task up', async () => {
  const spec = { deno: { inline: { code: 'x' }, secureParameters: { secret: 'token' } } }
  const { seen, decision } = await look({
    task: aTask(),
    definition: aDefinition(spec),
    live: { KeptnTask: aTask(), Secret: forbidden },
  })
  expect(seen?.prerequisites?.secret).toBe('unknown')
  expect(decision?.actions).toHaveLength(1)
})

test('pods that we may not read keep no task from ending', async () => {
  const failed = { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'm' }
  const job = aJob(aTask(), [failed])
  const { decision } = await look({ task: recorded(), job, live: { Job: job, Pod: forbidden } })
  expect(decision?.status).toMatchObject({ status: 'Failed', message: 'm' })
})

test('output is not shown when the Secret that could be in it cannot be read', async () => {
  const failed = { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'm' }
  const job = aJob(aTask(), [failed])
  const env = [{ name: 'X', valueFrom: { secretKeyRef: { name: 'token', key: 'k' } } }]
  const liveJob = {
    ...job,
    metadata: { ...job.metadata, annotations: { [secretVersionsAnnotation]: '{"token":"7"}' } },
    spec: { template: { spec: { containers: [{ name: 'c', env }] } } },
  }
  const terminated = { exitCode: 2, message: 'hunter2', finishedAt: '2026-01-01T11:59:59Z' }
  const pod = {
    metadata: { creationTimestamp: '2026-01-01T11:59:00Z' },
    status: { containerStatuses: [{ name: 'c', state: { terminated } }] },
  }
  const rotated = { metadata: { name: 'token', resourceVersion: '8' }, data: {} }
  const secrets = [
    { secret: undefined, because: 'what Secret "token" held while the task ran cannot be told' },
    { secret: forbidden, because: 'what Secret "token" held while the task ran cannot be told' },
    { secret: rotated, because: 'Secret "token" changed while the task ran' },
  ]
  for (const { secret, because } of secrets) {
    const live = { Job: liveJob, Pod: { items: [pod] }, Secret: secret }
    const { decision } = await look({ task: recorded(), job, live })
    expect(decision?.status).toMatchObject({ status: 'Failed', exitCode: 2 })
    expect(decision?.status?.message).toContain(`Output withheld: ${because}`)
    expect(JSON.stringify(decision)).not.toContain('hunter2')
  }
  // A Job that was made without its versions being known, by Keptn perhaps.
  const unknown = { ...liveJob, metadata: job.metadata }
  const live = { Job: unknown, Pod: { items: [pod] }, Secret: rotated }
  const { decision } = await look({ task: recorded(), job, live })
  expect(decision?.status?.message).toContain('cannot be told')
})

test('a Job knows which versions its Secrets had', async () => {
  const env = [{ name: 'X', valueFrom: { secretKeyRef: { name: 'token', key: 'SECURE_DATA' } } }]
  const definitions = [
    { deno: { inline: { code: 'x' }, secureParameters: { secret: 'token' } } },
    { container: { name: 'c', image: 'i', env } },
  ]
  const secret = { metadata: { name: 'token', resourceVersion: '8' }, data: { SECURE_DATA: '' } }
  for (const spec of definitions) {
    const live = { KeptnTask: aTask(), Secret: secret }
    const { decision } = await look({ task: aTask(), definition: aDefinition(spec), live })
    const annotations = { [secretVersionsAnnotation]: '{"token":"8"}' }
    expect(decision?.actions).toMatchObject([{ object: { metadata: { annotations } } }])
  }
})

const held = (seconds: number, ready?: number): FollowedJob => {
  const job = aJob(aTask())
  const creationTimestamp = new Date(now.getTime() - seconds * 1000).toISOString()
  return {
    ...job,
    metadata: { ...job.metadata, creationTimestamp },
    status: ready === undefined ? {} : { ready },
  }
}
const stalled = {
  conditions: [
    {
      ...{ type: 'Stalled', status: 'True' as const, reason: 'QuotaExceeded', message: 'pods' },
      lastTransitionTime: '2026-01-01T11:59:00Z',
    },
  ],
}
const nothing = { items: [] }

test.each([
  ['that runs', recorded(), held(5, 1)],
  ['that is young', recorded(), held(4)],
  ['between two looks', recorded(), held(15)],
  ['that is not recorded yet', aTask(), held(5)],
])('a Job %s costs no request', async (_, task, job) => {
  expect((await look({ task, job })).asked).toEqual([])
})

test('a Job without a pod is asked about by its events', async () => {
  const { asked, seen } = await look({
    task: recorded(),
    job: held(5),
    live: { Pod: nothing, Event: nothing },
  })
  expect(asked).toEqual(['Pod', 'Event'])
  expect(seen?.look).toEqual({})
})

test('a task that is held up is asked about whenever something changes', async () => {
  const { asked, decision } = await look({
    task: recorded(stalled),
    job: held(15),
    live: { Pod: nothing, Event: nothing },
  })
  expect(asked).toEqual(['Pod', 'Event'])
  expect(decision?.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'Stalled', status: 'False' }),
  )
})

test('that events may not be read keeps no task from going on', async () => {
  const live = { Pod: nothing, Event: forbidden }
  const { seen } = await look({ task: recorded(), job: held(5), live })
  expect(seen?.look).toEqual({})
})

test('a suspended Job is said without a request', async () => {
  const conditions = [{ type: 'Suspended', status: 'True' }]
  const { asked, seen } = await look({
    task: recorded(),
    job: { ...held(5), status: { conditions } },
  })
  expect(asked).toEqual([])
  expect(seen?.look?.obstacle?.reason).toBe('JobSuspended')
})

/** A pod of the Job of `aTask`, which has ended with these words in its file. */
const endedPod = (message: string | undefined, more: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'check-1',
      namespace: 'shop',
      uid: 'pod-1',
      resourceVersion: '9',
      creationTimestamp: '2026-01-01T11:59:30Z',
      ownerReferences: [
        {
          apiVersion: 'batch/v1',
          kind: 'Job',
          name: aJob(aTask()).metadata.name,
          uid: aJob(aTask()).metadata.uid,
          controller: true,
        },
      ],
    },
    spec: {
      containers: [{ name: 'check', terminationMessagePath: '/tmp/keptn-result.json', ...more }],
    },
    status: {
      containerStatuses: [
        { name: 'a-sidecar', state: { terminated: { exitCode: 0, message: '{"not":"ours"}' } } },
        { name: 'check', state: { terminated: { exitCode: 0, message } } },
      ],
    },
  }) as unknown as Pod

const complete = { type: 'Complete', status: 'True', reason: 'CompletionsReached', message: '' }

const completed = (pods: readonly Pod[], live: Readonly<Record<string, unknown>> = {}) =>
  look({ task: recorded(), job: aJob(aTask(), [complete]), pods, live })

test('what a task has left comes with its outcome, and costs no request', async () => {
  const { asked, decision } = await completed([endedPod('{"url":"https://a","n":null}\n')])
  expect(asked).toEqual([])
  expect(decision?.status).toMatchObject({ status: 'Succeeded', result: { url: 'https://a' } })
  expect(decision?.status?.result).not.toHaveProperty('n')
})

test('a task that has left nothing costs no request either', async () => {
  const { asked, decision } = await completed([endedPod(undefined)])
  expect(asked).toEqual([])
  expect(decision?.status?.status).toBe('Succeeded')
  expect(decision?.status).not.toHaveProperty('result')
})

test('a store that is behind loses no result', async () => {
  const running = { ...endedPod(undefined), status: {} }
  for (const pods of [[], [running]]) {
    const { asked, decision } = await completed(pods, { Pod: { items: [endedPod('[1]')] } })
    expect(asked).toEqual(['Pod'])
    expect(decision?.status).toMatchObject({ status: 'Succeeded', result: [1] })
  }
})

test('pods that we may not read cost a task its result alone', async () => {
  const { decision } = await completed([], { Pod: forbidden })
  expect(decision?.status).toMatchObject({ status: 'Succeeded', reason: 'CompletionsReached' })
})

test.each([
  ['InvalidJson', 'done'],
  ['InvalidJson', 'null'],
  ['InvalidJson', '1e999'],
  ['TooLarge', '"'.padStart(4096, 'x')],
  ['TooLarge', '9'.repeat(4096)],
])('%s: what is no result is said, and fails no task', async (reason, text) => {
  const { decision } = await completed([endedPod(text)])
  expect(decision?.status?.status).toBe('Succeeded')
  expect(decision?.status).not.toHaveProperty('result')
  expect(decision?.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'ResultUnusable', status: 'True', reason }),
  )
  expect(decision?.transitions).toContainEqual(
    expect.objectContaining({ reason: 'ResultUnusable', severity: 'Warning' }),
  )
})

test('a container that has its own use for its last words leaves no result', async () => {
  const pod = endedPod('not for us', { terminationMessagePath: '/dev/termination-log' })
  const { asked, decision } = await completed([pod])
  expect(asked).toEqual([])
  expect(decision?.status?.conditions?.map(({ type }) => type)).toEqual(['Ready'])
})
