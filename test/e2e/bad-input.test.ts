import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  conditionTypes,
  KeptnEvaluation,
  KeptnMetric,
  KeptnTaskDefinition,
  type Condition,
} from '../../api/index.ts'
import type { KubeObject } from '../../api/object.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import { deployment, expectHeld, lookAt, managedNamespace, stays, task, yaml } from './world.ts'

const fine = 'console.log("fine")'

let installation: Installation

beforeAll(async () => {
  installation = await install('bad-input')
}, 300_000)

afterAll(async () => {
  await installation.down()
}, 60_000)

const evaluation = (namespace: string, target: string): readonly object[] => [
  {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnEvaluationDefinition',
    metadata: { name: 'cpus', namespace },
    spec: {
      retries: 2,
      retryInterval: '1s',
      objectives: [{ keptnMetricRef: { name: 'cpus', namespace }, evaluationTarget: target }],
    },
  },
  {
    apiVersion: 'metrics.keptn.sh/v1',
    kind: 'KeptnMetricsProvider',
    metadata: { name: 'nobody', namespace },
    spec: { type: 'prometheus', targetServer: 'http://nobody.is-here.svc:9090' },
  },
  {
    apiVersion: 'metrics.keptn.sh/v1',
    kind: 'KeptnMetric',
    metadata: { name: 'cpus', namespace },
    spec: { provider: { name: 'nobody' }, query: 'cpus', fetchIntervalSeconds: 2 },
  },
]

const stalledOf = (object: KubeObject | undefined): Condition | undefined =>
  (
    object as { readonly status?: { readonly conditions?: readonly Condition[] } } | undefined
  )?.status?.conditions?.find(({ type }) => type === conditionTypes.stalled)

/** Waits until the object says that a person has to act. */
const stalled = (read: () => Promise<KubeObject | undefined>): Promise<Condition> =>
  eventually(
    async () => {
      const condition = stalledOf(await read())
      if (condition?.status !== 'True') throw new Error('It is not stalled yet')
      return condition
    },
    { timeoutMs: 60_000, everyMs: 200 },
  )

/** How often each warning about a kind of object was told, by its reason. */
const warnings = async (namespace: string, kind: string): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const event of await lookAt(installation.client, namespace).events()) {
    if (event.type !== 'Warning' || event.regarding['kind'] !== kind) continue
    counts[event.reason] = (counts[event.reason] ?? 0) + 1
  }
  return counts
}

const deploy = async (
  namespace: string,
  annotations: Readonly<Record<string, string>>,
  ...others: readonly object[]
) => {
  await installation.apply(
    yaml(managedNamespace(namespace), ...others, deployment({ namespace, annotations })),
  )
  return lookAt(installation.client, namespace)
}

test('a definition that does not exist: one warning, and it goes on when somebody makes it', async () => {
  const namespace = 'no-definition'
  const world = await deploy(namespace, { 'keptn.sh/pre-deployment-tasks': 'check' })

  const condition = await stalled(() => world.workloadVersion())
  expect(condition.reason).toBe('DefinitionNotFound')
  expect(condition.message).toContain('No definition "check" exists: create it')
  await stays(async () => {
    expectHeld(await world.pods())
  }, 5_000)
  expect(await warnings(namespace, 'KeptnWorkloadVersion')).toEqual({
    WorkloadPreDeployTasksDefinitionNotFound: 1,
  })

  await installation.apply(yaml(task(namespace, 'check', fine)))
  await world.appVersionIs('Succeeded')
  expect(stalledOf(await world.workloadVersion())?.status).toBe('False')
}, 120_000)

test('a target that no value keeps to: the evaluation fails and says so', async () => {
  const namespace = 'bad-target'
  const world = await deploy(
    namespace,
    { 'keptn.sh/pre-deployment-evaluations': 'cpus' },
    ...evaluation(namespace, '20..10'),
  )

  await world.appVersionIs('Failed')
  const [made] = (await installation.client.list(KeptnEvaluation, { namespace })).items
  const ready = made?.status?.conditions?.find(({ type }) => type === conditionTypes.ready)
  expect(ready?.status).toBe('False')
  expect(ready?.message).toContain('20..10')
  expect((await world.event('WorkloadPreDeployEvaluationsErrored')).note).toContain('20..10')
  expectHeld(await world.pods())
}, 120_000)

test('a metric that never had a value does not pass, and says where it is asked for', async () => {
  const namespace = 'no-value'
  const world = await deploy(
    namespace,
    { 'keptn.sh/pre-deployment-evaluations': 'cpus' },
    ...evaluation(namespace, '<10'),
  )

  await world.appVersionIs('Failed')
  const metric = await installation.client.get(KeptnMetric, { namespace, name: 'cpus' })
  expect(metric?.status?.value ?? '').toBe('')
  expect(metric?.status?.errMsg).toContain('nobody.is-here.svc')
  const service = '/api/v1/namespaces/keptn-system/services/metrics-operator-service:metrics'
  const path = `${service}/proxy/api/v1/metrics/${namespace}/cpus`
  expect(await installation.client.raw({ method: 'GET', path })).toEqual({
    metric: 'cpus',
    namespace,
    value: '',
  })
  expect((await world.event('WorkloadPreDeployEvaluationsErrored')).note).toContain('cpus')
  expectHeld(await world.pods())
}, 120_000)

test('empty code: the definition says so, and the task that would run it waits', async () => {
  const namespace = 'empty-code'
  const world = await deploy(
    namespace,
    { 'keptn.sh/pre-deployment-tasks': 'check' },
    task(namespace, 'check', '  '),
  )

  const condition = await stalled(() =>
    installation.client.get(KeptnTaskDefinition, { namespace, name: 'check' }),
  )
  expect(condition.message).toContain('code')
  await stalled(async () => (await world.tasks())[0])
  // Events follow the condition within a second.
  await eventually(async () => {
    expect(Object.values(await warnings(namespace, 'KeptnTaskDefinition'))).toEqual([1])
  })
  expectHeld(await world.pods())

  await installation.apply(yaml(task(namespace, 'check', fine)))
  await world.appVersionIs('Succeeded')
}, 120_000)

test('a secret that is missing: the task waits for it and names it', async () => {
  const namespace = 'no-secret'
  const world = await deploy(
    namespace,
    { 'keptn.sh/pre-deployment-tasks': 'check' },
    task(namespace, 'check', fine, {
      function: { inline: { code: fine }, secureParameters: { secret: 'slack' } },
    }),
  )

  const condition = await stalled(async () => (await world.tasks())[0])
  expect(condition.message).toContain('slack')
  await eventually(async () => {
    expect(Object.values(await warnings(namespace, 'KeptnTask'))).toEqual([1])
  })
  expectHeld(await world.pods())

  await installation.apply(
    yaml({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'slack', namespace },
      stringData: { SECURE_DATA: '{}' },
    }),
  )
  await world.appVersionIs('Succeeded')
}, 120_000)

test('a version that is a digest, and names longer than any label', async () => {
  const namespace = 'long-names'
  const definition = `check-${'very-'.repeat(20)}long`
  const workload = `workload-${'with-a-long-name-'.repeat(6)}end`
  const world = await deploy(
    namespace,
    {
      'keptn.sh/workload': workload,
      'keptn.sh/version': `sha256:${'0123456789abcdef'.repeat(4)}`,
      'keptn.sh/pre-deployment-tasks': definition,
    },
    task(namespace, definition, fine),
  )

  await world.appVersionIs('Succeeded')
  const version = await world.workloadVersion()
  expect(version.spec.version).toMatch(/^sha256:/)
  expect(version.metadata.name).toMatch(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/)
}, 120_000)

test('blanks and empty items in a list of checks', async () => {
  const namespace = 'blanks'
  const world = await deploy(
    namespace,
    { 'keptn.sh/pre-deployment-tasks': ' first , second,, ' },
    task(namespace, 'first', fine),
    task(namespace, 'second', fine),
  )

  await world.appVersionIs('Succeeded')
  expect((await world.tasks()).map(({ spec }) => spec.taskDefinition).toSorted()).toEqual([
    'first',
    'second',
  ])
}, 120_000)

test('none of it delays a deployment that has nothing wrong with it', async () => {
  const namespace = 'nothing-wrong'
  const world = await deploy(namespace, {})
  await world.appVersionIs('Succeeded', 15_000)
}, 60_000)
