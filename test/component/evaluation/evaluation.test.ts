import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import {
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  newObject,
  type StatusOf,
} from '../../../api/index.ts'
import type { KubeObject } from '../../../api/object.ts'
import type { Client } from '../../../kube/client.ts'
import { describeEvaluation } from '../../../lifecycle/evaluation/index.ts'
import { eventually } from '../../eventually.ts'
import { createMetric, startWorld, type World } from '../metrics/world.ts'
import { startEvaluations, type Evaluations } from './world.ts'

const home = 'keptn-system'
let world: World
let client: Client
const running: { readonly stop: () => Promise<void> }[] = []

beforeAll(async () => {
  world = await startWorld('evaluation')
  client = world.client
  await world.namespace(home)
}, 300_000)

afterEach(() => Promise.all(running.splice(0).map(({ stop }) => stop())))

afterAll(() => world.close())

const start = (): Evaluations => {
  const evaluations = startEvaluations(client, home)
  running.push(evaluations)
  return evaluations
}

/** Makes a definition about the metric of the same name. */
const define = (namespace: string, target: string, name = 'cpus'): Promise<KubeObject> =>
  client.create<KubeObject>(
    KeptnEvaluationDefinition,
    newObject(KeptnEvaluationDefinition, {
      metadata: { namespace, name },
      spec: { objectives: [{ keptnMetricRef: { name }, evaluationTarget: target }] },
    }),
  )

const evaluate = (
  namespace: string,
  retries = 3,
  retryInterval = '1s',
  definition = 'cpus',
): Promise<KubeObject> =>
  client.create<KubeObject>(
    KeptnEvaluation,
    newObject(KeptnEvaluation, {
      metadata: { namespace, name: 'pre-eval-cpus' },
      spec: {
        evaluationDefinition: definition,
        appName: 'shop',
        workloadVersion: '1.2.3',
        retries,
        retryInterval,
      },
    }),
  )

/** Gives a metric a value that was measured now. */
const measure = (namespace: string, value: string, name = 'cpus'): Promise<void> =>
  tell(namespace, { value, rawValue: btoa(value) }, name)

/** Says in the place of the metrics operator what came of a query just now. */
const tell = async (
  namespace: string,
  outcome: Partial<StatusOf<KeptnMetric>>,
  name = 'cpus',
): Promise<void> => {
  const status = { ...outcome, lastUpdated: new Date().toISOString() }
  await client.patch(KeptnMetric, {
    namespace,
    name,
    patchType: 'merge',
    subresource: 'status',
    patch: { status },
  })
}

const find = async (namespace: string): Promise<KeptnEvaluation | undefined> =>
  client.get(KeptnEvaluation, { namespace, name: 'pre-eval-cpus' })

const becomes = (
  namespace: string,
  expected: Partial<StatusOf<KeptnEvaluation>>,
): Promise<KeptnEvaluation> =>
  eventually(async () => {
    const evaluation = await find(namespace)
    expect(evaluation?.status).toMatchObject(expected)
    return evaluation as KeptnEvaluation
  })

test('a fresh value that keeps to the target passes in the first attempt', async () => {
  const shop = await world.namespace('passes')
  const { told } = start()
  await createMetric(client, shop, 'cpus', { fetchIntervalSeconds: 60 })
  await measure(shop, '5')
  await define(shop, '>4')
  await evaluate(shop)
  const evaluation = await becomes(shop, {
    overallStatus: 'Succeeded',
    retryCount: 1,
    evaluationStatus: {
      cpus: { value: '5', status: 'Succeeded', message: "value '5' met objective '>4'" },
    },
  })
  expect(evaluation.status?.startTime).toBeDefined()
  expect(evaluation.status?.endTime).toBeDefined()
  await eventually(() => {
    expect(told.map(({ severity }) => severity)).toEqual(['Normal'])
  })
})

test('attempts are an interval apart though the metric changes all the time, and then it has failed', async () => {
  const shop = await world.namespace('fails')
  const { told } = start()
  await createMetric(client, shop, 'cpus', { fetchIntervalSeconds: 60 })
  await measure(shop, '3')
  await define(shop, '>4')
  await evaluate(shop)
  await becomes(shop, { retryCount: 1, overallStatus: 'Progressing' })
  for (let i = 0; i < 20; i++) await measure(shop, '3')
  expect((await find(shop))?.status?.retryCount).toBeLessThan(3)
  const evaluation = await becomes(shop, { retryCount: 3, overallStatus: 'Failed' })
  expect(describeEvaluation(evaluation)).toMatch(
    /^cpus is 3, wanted > 4, measured \d+ s ago \(attempt 3 of 3\)$/,
  )
  const { startTime = '', lastAttemptTime = '' } = evaluation.status ?? {}
  expect(Date.parse(lastAttemptTime) - Date.parse(startTime)).toBeGreaterThanOrEqual(2000)
  await eventually(() => {
    expect(told.map(({ id }) => id.split('/').at(-1))).toEqual(['Failed'])
  })
})

test('a definition that comes later, in our own namespace, is enough', async () => {
  const shop = await world.namespace('late')
  const { told } = start()
  await createMetric(client, home, 'central', { fetchIntervalSeconds: 60 })
  await measure(home, '5', 'central')
  await evaluate(shop, 3, '1s', 'central')
  await becomes(shop, {
    retryCount: 0,
    overallStatus: 'Pending',
    conditions: expect.arrayContaining([
      expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'DefinitionNotFound' }),
    ]) as never,
  })
  await define(home, '>4', 'central')
  const evaluation = await becomes(shop, { overallStatus: 'Succeeded', retryCount: 1 })
  expect(evaluation.status?.conditions?.map(({ type }) => type)).toEqual(['Ready'])
  expect(evaluation.status?.objectives).toMatchObject([{ name: 'central', namespace: home }])
  expect(told[0]?.severity).toBe('Warning')
})

test('a metric without a value is asked for one, and never passes without, however small the target', async () => {
  const shop = await world.namespace('empty')
  start()
  await createMetric(client, shop, 'cpus', { fetchIntervalSeconds: 60 })
  await define(shop, '<5')
  await evaluate(shop, 1)
  await becomes(shop, {
    retryCount: 0,
    overallStatus: 'Pending',
    awaits: { since: expect.any(String) as never, metrics: [{ name: 'cpus', namespace: shop }] },
  })
  await tell(shop, { errMsg: 'no values in query result' })
  const evaluation = await becomes(shop, { overallStatus: 'Failed', retryCount: 1 })
  expect(evaluation.status).not.toHaveProperty('awaits')
  expect(evaluation.status?.evaluationStatus['cpus']?.message).toBe(
    'empty value for: cpus: no values in query result',
  )
})

test('a value that is too old costs no attempt: a new one is waited for, and judged when it comes', async () => {
  const shop = await world.namespace('old')
  start()
  await createMetric(client, shop, 'cpus', { fetchIntervalSeconds: 1 })
  await measure(shop, '3')
  await eventually(async () => {
    const metric = await client.get(KeptnMetric, { namespace: shop, name: 'cpus' })
    const age = Date.now() - Date.parse(metric?.status?.lastUpdated ?? '')
    expect(age).toBeGreaterThan(2500)
  })
  await define(shop, '>4')
  await evaluate(shop, 1)
  await becomes(shop, { retryCount: 0, awaits: expect.anything() as never })
  await measure(shop, '5')
  const evaluation = await becomes(shop, { overallStatus: 'Succeeded', retryCount: 1 })
  expect(evaluation.status?.objectives).toMatchObject([{ value: '5', attempt: 1 }])
})

test('a restart costs no attempt and changes nothing that has ended', async () => {
  const shop = await world.namespace('restart')
  const first = start()
  await createMetric(client, shop, 'cpus', { fetchIntervalSeconds: 60 })
  await measure(shop, '3')
  await define(shop, '>4')
  await evaluate(shop, 2, '3s')
  await becomes(shop, { retryCount: 1 })
  await first.stop()
  const second = start()
  await measure(shop, '5')
  const done = await becomes(shop, { overallStatus: 'Succeeded', retryCount: 2 })
  const { startTime = '', lastAttemptTime = '' } = done.status ?? {}
  expect(Date.parse(lastAttemptTime) - Date.parse(startTime)).toBeGreaterThanOrEqual(3000)
  await second.stop()
  // A success in the last attempt: Keptn made it a failure when it was looked at again.
  start()
  const marker = await world.namespace('marker')
  await createMetric(client, marker, 'cpus', { fetchIntervalSeconds: 60 })
  await measure(marker, '9')
  await define(marker, '<5')
  await evaluate(marker, 1)
  await becomes(marker, { overallStatus: 'Failed' })
  expect(await find(shop)).toEqual(done)
})
