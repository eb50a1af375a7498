import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { KeptnTask } from '../../../api/index.ts'
import { KeptnTaskDefinition } from '../../../api/index.ts'
import { ConfigMap, Job, Secret } from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import { jobName } from '../../../lifecycle/task/job.ts'
import { eventually } from '../../eventually.ts'
import {
  endPod,
  home,
  jobsOf,
  makeDefinition,
  makeNamespace,
  makeSecret,
  makeTask,
  readTask,
  startWorld,
  type Replica,
  type World,
} from './world.ts'

let world: World
let replica: Replica | undefined
let count = 0

beforeAll(async () => {
  world = await startWorld('task')
  await makeNamespace(world, home)
})
afterAll(() => world.close())
afterEach(async () => {
  await replica?.stop()
  replica = undefined
})

const start = (): Replica => (replica = world.replica())
const aNamespace = (): Promise<string> => makeNamespace(world, `shop-${(count += 1)}`)

/** Waits until the stored task has this in its status. */
const reaches = (task: KeptnTask, status: object): Promise<KeptnTask> =>
  eventually(async () => {
    const stored = await readTask(world, task)
    expect(stored.status).toMatchObject(status)
    return stored
  })

const theJob = async (task: KeptnTask): Promise<Job> => {
  const jobs = await jobsOf(world, task)
  expect(jobs).toHaveLength(1)
  return jobs[0] as Job
}

describe('a task', () => {
  test('runs as one Job with the code of its definition, and lets the Job go when it has ended', async () => {
    const namespace = await aNamespace()
    const { told } = start()
    await makeDefinition(world, { namespace, name: 'check' })
    const task = await makeTask(world, { namespace, name: 'pre-check-1' })
    await reaches(task, { status: 'Progressing' })
    const job = await theJob(task)
    expect(job.spec.ttlSecondsAfterFinished).toBeUndefined()
    const code = await world.client.get(ConfigMap, { namespace, name: 'keptnfn-check' })
    expect(code?.data).toEqual({ code: 'Deno.exit(0)' })
    expect(code && controllerOf(code)?.kind).toBe('KeptnTaskDefinition')
    await endPod(world, task, { exitCode: 0 })
    const ended = await reaches(task, { status: 'Succeeded', jobUid: job.metadata.uid })
    expect(ended.status?.endTime).toBeDefined()
    await eventually(async () => {
      expect((await theJob(task)).spec.ttlSecondsAfterFinished).toBe(300)
    })
    await eventually(() => {
      const facts = told.map(({ reason, severity }) => `${severity} ${reason}`)
      expect(facts).toEqual(['Normal CreateTask', 'Normal ReconcileTask'])
    })
  })

  test('says with which exit code and words it failed, and never a secret', async () => {
    const namespace = await aNamespace()
    const { told, logged } = start()
    const canary = 'c4n4ry-s3cr3t'
    await makeSecret(
      world,
      { namespace, name: 'token' },
      { SECURE_DATA: `user=bob\npassword=${canary}\n` },
    )
    await makeDefinition(
      world,
      { namespace, name: 'check' },
      { deno: { inline: { code: 'x' }, secureParameters: { secret: 'token' } } },
    )
    const task = await makeTask(world, { namespace, name: 'pre-check-1' })
    await reaches(task, { status: 'Progressing' })
    await endPod(world, task, { exitCode: 3, message: `cannot post to ${canary}` })
    const { status } = await reaches(task, { status: 'Failed', exitCode: 3 })
    expect(status?.reason).toBe('BackoffLimitExceeded')
    expect(status?.message).toContain('cannot post to ***')
    await eventually(() => {
      expect(told.at(-1)).toMatchObject({ reason: 'ReconcileTask', severity: 'Warning' })
    })
    const everything = [JSON.stringify(told), logged(), JSON.stringify(status)].join('')
    expect(everything).not.toContain(canary)
  })

  test('has its outcome and its result stored, however odd the result', async () => {
    const namespace = await aNamespace()
    start()
    await makeDefinition(world, { namespace, name: 'check' })
    const left: Readonly<Record<string, string>> = {
      deep: `${'['.repeat(2000)}${']'.repeat(2000)}`,
      nested: `${'{"a":'.repeat(680)}1${'}'.repeat(680)}`,
      inherited: '{"__proto__":{"x":1},"constructor":2}',
      named: '{"":1,"\\u0000":2," ":3,"a.b/c~d":4}',
      boolean: 'false',
      text: '"\\u0000\u{1F600}"',
      nulls: '[null,{"a":null},[null]]',
    }
    const tasks = await Promise.all(
      Object.keys(left).map((name) => makeTask(world, { namespace, name })),
    )
    for (const task of tasks) {
      await reaches(task, { status: 'Progressing' })
      await endPod(world, task, { exitCode: 0, message: left[task.metadata.name] ?? '' })
    }
    for (const task of tasks) {
      const { status } = await reaches(task, { status: 'Succeeded' })
      const text = left[task.metadata.name] ?? ''
      const expected = JSON.parse(text.replace('"a":null', '')) as unknown
      expect(JSON.stringify(status?.result)).toBe(JSON.stringify(expected))
    }
  })

  test('shows no output when its Secret changed while it ran', async () => {
    const namespace = await aNamespace()
    const { told } = start()
    const at = { namespace, name: 'token' }
    await makeSecret(world, at, { SECURE_DATA: 'c4n4ry-s3cr3t' })
    await makeDefinition(
      world,
      { namespace, name: 'check' },
      { deno: { inline: { code: 'x' }, secureParameters: { secret: 'token' } } },
    )
    const task = await makeTask(world, { namespace, name: 'pre-check-1' })
    await reaches(task, { status: 'Progressing' })
    const patch = { data: { SECURE_DATA: btoa('another') } }
    await world.client.patch(Secret, { ...at, patchType: 'merge', patch })
    await endPod(world, task, { exitCode: 3, message: 'cannot post to c4n4ry-s3cr3t' })
    const { status } = await reaches(task, { status: 'Failed', exitCode: 3 })
    const why = 'Output withheld: Secret "token" changed while the task ran'
    expect(status?.message).toContain(why)
    await eventually(() => {
      expect(told.at(-1)).toMatchObject({ reason: 'ReconcileTask', severity: 'Warning' })
    })
    expect(JSON.stringify([told, status])).not.toContain('c4n4ry')
  })

  test('fails when its Job is deleted, and gets no other', async () => {
    const namespace = await aNamespace()
    start()
    await makeDefinition(world, { namespace, name: 'check' })
    const task = await makeTask(world, { namespace, name: 'pre-check-1' })
    await reaches(task, { status: 'Progressing' })
    const { metadata } = await theJob(task)
    await world.client.delete(Job, { namespace, name: metadata.name })
    await reaches(task, { status: 'Failed', reason: 'JobVanished' })
    await replica?.stop()
    start()
    await settles(namespace)
    expect(await jobsOf(world, task)).toHaveLength(0)
  })

  test('that has ended is not run again by whoever starts later', async () => {
    const namespace = await aNamespace()
    start()
    await makeDefinition(world, { namespace, name: 'check' })
    const task = await makeTask(world, { namespace, name: 'pre-check-1' })
    await endPod(world, task, { exitCode: 0 })
    await reaches(task, { status: 'Succeeded' })
    await replica?.stop()
    const { metadata } = await theJob(task)
    await world.client.delete(Job, { namespace, name: metadata.name })
    start()
    await settles(namespace)
    expect(await jobsOf(world, task)).toHaveLength(0)
    expect((await readTask(world, task)).status?.status).toBe('Succeeded')
  })

  test('takes the code along from the namespace that serves all', async () => {
    const namespace = await aNamespace()
    start()
    await makeDefinition(
      world,
      { namespace: home, name: 'central' },
      { function: { inline: { code: 'central()' } } },
    )
    const spec = { taskDefinition: 'central' }
    const task = await makeTask(world, { namespace, name: 'pre-central-1' }, spec)
    await reaches(task, { status: 'Progressing' })
    const { spec: jobSpec } = await theJob(task)
    const [volume] = jobSpec.template.spec.volumes ?? []
    const { name } = (volume as { configMap: { name: string } }).configMap
    const copy = await world.client.get(ConfigMap, { namespace, name })
    expect(copy?.data).toEqual({ code: 'central()' })
    expect(copy && controllerOf(copy)?.uid).toBe(task.metadata.uid)
  })

  test('waits for its definition and says so, then starts', async () => {
    const namespace = await aNamespace()
    const { told } = start()
    const task = await makeTask(world, { namespace, name: 'pre-check-1' })
    const { status } = await reaches(task, { status: 'Pending', reason: 'DefinitionNotFound' })
    expect(status?.message).toContain(`"${namespace}" or "${home}"`)
    await warnsOnce(told)
    await makeDefinition(world, { namespace, name: 'check' })
    const started = await reaches(task, { status: 'Progressing' })
    expect(started.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', status: 'False' }),
    )
  })

  test('waits for its Secret and says so, then starts', async () => {
    const namespace = await aNamespace()
    start()
    await makeDefinition(
      world,
      { namespace, name: 'check' },
      { deno: { inline: { code: 'x' }, secureParameters: { secret: 'token' } } },
    )
    const task = await makeTask(world, { namespace, name: 'pre-check-1' })
    await reaches(task, { reason: 'SecretMissing' })
    expect(await jobsOf(world, task)).toHaveLength(0)
    await makeSecret(world, { namespace, name: 'token' }, { SECURE_DATA: 'x' })
    await reaches(task, { status: 'Progressing' })
  })

  test('says that its Job was refused, and starts when it is no more', async () => {
    const namespace = await aNamespace()
    const { told } = start()
    const quota = ['quota', 'none', `--namespace=${namespace}`]
    await world.cluster.kubectl(['create', ...quota, '--hard=count/jobs.batch=0'])
    await quotaIsKnown(namespace)
    await makeDefinition(world, { namespace, name: 'check' })
    const task = await makeTask(world, { namespace, name: 'pre-check-1' })
    const { status } = await reaches(task, { status: 'Pending', reason: 'JobRefused' })
    expect(status?.message).toContain('exceeded quota')
    await warnsOnce(told)
    await world.cluster.kubectl(['delete', ...quota])
    await reaches(task, { status: 'Progressing' })
  })

  test("leaves somebody else's Job alone and takes another name", async () => {
    const namespace = await aNamespace()
    await makeDefinition(world, { namespace, name: 'check' })
    const task = await makeTask(world, { namespace, name: 'pre-check-1' })
    const name = jobName(task, 0)
    const command = ['create', 'job', name, '--image=example.org/x', `--namespace=${namespace}`]
    await world.cluster.kubectl(command)
    start()
    await reaches(task, { status: 'Progressing', jobName: jobName(task, 1) })
    expect(await world.client.get(Job, { namespace, name })).toBeDefined()
  })

  test('has one Job and comes to its end, after whichever write the process is killed', async () => {
    for (let crashAfter = 1; ; crashAfter += 1) {
      const namespace = await aNamespace()
      await makeDefinition(world, { namespace: home, name: `central-${crashAfter}` })
      const spec = { taskDefinition: `central-${crashAfter}` }
      const task = await makeTask(world, { namespace, name: 'pre-central-1' }, spec)
      const first = world.replica({ crashAfter })
      const ending = endPod(world, task, { exitCode: 0 })
      const isDone = reaches(task, { status: 'Succeeded' }).then(() => hasExpired(task))
      const hasCrashed = await Promise.race([
        first.crashed.then(() => true),
        isDone.then(() => false),
      ])
      await first.stop()
      if (!hasCrashed) {
        // So many writes are not needed: each one was tried. How a slow Job comes along may be a write more or less.
        expect(crashAfter).toBeGreaterThan(6)
        return
      }
      start()
      await ending
      await isDone
      const all = await everCreated(namespace)
      expect(all).toBe(1)
      await replica?.stop()
    }
  }, 240_000)
})

describe('a definition', () => {
  test('has its ConfigMap brought up to date, and back', async () => {
    const namespace = await aNamespace()
    start()
    const at = { namespace, name: 'check' }
    const configMap = { namespace, name: 'keptnfn-check' }
    await makeDefinition(world, at)
    await hasCode(configMap, 'Deno.exit(0)')
    await world.client.patch(KeptnTaskDefinition, {
      ...at,
      patchType: 'merge',
      patch: { spec: { deno: { inline: { code: 'changed()' } } } },
    })
    await hasCode(configMap, 'changed()')
    await world.client.delete(ConfigMap, configMap)
    await hasCode(configMap, 'changed()')
    const definition = await world.client.get(KeptnTaskDefinition, at)
    expect(definition?.status).toMatchObject({ function: { configMap: 'keptnfn-check' } })
  })

  test('takes over the ConfigMap that Keptn made', async () => {
    const namespace = await aNamespace()
    const configMap = { namespace, name: 'keptnfn-check' }
    const old = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: configMap,
      data: { code: 'old()' },
    }
    await world.client.create(ConfigMap, old)
    start()
    await makeDefinition(world, { namespace, name: 'check' })
    await hasCode(configMap, 'Deno.exit(0)')
    const taken = await world.client.get(ConfigMap, configMap)
    expect(taken && controllerOf(taken)?.kind).toBe('KeptnTaskDefinition')
  })

  test('says what is wrong with it, and so does its task', async () => {
    const namespace = await aNamespace()
    start()
    const at = { namespace, name: 'check' }
    await makeDefinition(world, at, { python: { inline: { code: ' ' } } })
    const task = await makeTask(world, { namespace, name: 'pre-check-1' })
    const { status } = await reaches(task, { status: 'Pending', reason: 'EmptyCode' })
    expect(status?.message).toContain('The code under `inline.code` is empty')
    const definition = await world.client.get(KeptnTaskDefinition, at)
    expect(definition?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'EmptyCode' }),
    )
  })
})

const hasCode = (at: { namespace: string; name: string }, code: string): Promise<void> =>
  eventually(async () => {
    expect((await world.client.get(ConfigMap, at))?.data).toEqual({ code })
  })

/** A status can be read before who stored it has the answer, and tells. */
const warnsOnce = (told: Replica['told']): Promise<void> =>
  eventually(() => {
    expect(told.filter(({ severity }) => severity === 'Warning')).toHaveLength(1)
  })

const hasExpired = (task: KeptnTask): Promise<void> =>
  eventually(async () => {
    expect((await theJob(task)).spec.ttlSecondsAfterFinished).toBe(300)
  })

/** A task made later has been looked at: so has every one that was there before. */
const settles = async (namespace: string): Promise<void> => {
  const last = await makeTask(world, { namespace, name: 'last' })
  await reaches(last, { status: 'Progressing' })
}

const quotaIsKnown = (namespace: string): Promise<void> =>
  eventually(async () => {
    const get = ['get', 'quota', 'none', `--namespace=${namespace}`, '--output=json']
    const quota = JSON.parse(await world.cluster.kubectl(get)) as { status: { hard?: object } }
    expect(quota.status.hard).toBeDefined()
  })

/** How many Jobs the API server has ever made in a namespace. */
const everCreated = (namespace: string): Promise<number> =>
  eventually(() => {
    const calls = readFileSync(world.cluster.auditLog, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`/namespaces/${namespace}/jobs`) && line !== '')
      .map((line) => JSON.parse(line) as AuditedCall)
      .filter(({ verb, stage, responseStatus }) => {
        return verb === 'create' && stage === 'ResponseComplete' && responseStatus?.code === 201
      })
    expect(calls).not.toHaveLength(0)
    return calls.length
  })

interface AuditedCall {
  readonly verb: string
  readonly stage: string
  readonly responseStatus?: { readonly code: number }
}
