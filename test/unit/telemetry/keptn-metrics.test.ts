import { describe, expect, test } from '@jest/globals'
import { buildProcessMetrics } from '../../../telemetry/process-metrics.ts'
import { serveKeptnMetrics } from '../../../telemetry/prometheus/keptn.ts'
import {
  anAppVersion,
  anEvaluation,
  at,
  aTask,
  aWorkloadVersion,
  measuredFeeds,
  storesOf,
} from './objects.ts'

/** What one replica shows, and how its stores change. */
const aReplica = ({ leads = true, promotes = true, since = at('10:00:00') } = {}) => {
  const feeds = measuredFeeds()
  const metrics = buildProcessMetrics()
  const { registry } = metrics
  const term = { since: new Date(since), stillLeading: () => leads }
  metrics.show(
    serveKeptnMetrics({ stores: storesOf(feeds), registry, leading: () => term, promotes }),
  )
  /** The lines of metrics with this beginning, without comments. */
  const lines = async (beginning: string): Promise<readonly string[]> =>
    (await registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith(beginning) && !line.startsWith('#'))
  return { ...feeds, registry, lines }
}

const of = (version: string): string =>
  `keptn_deployment_app_name="shop",keptn_deployment_app_version="${version}",keptn_deployment_app_namespace="shop"`
const running = { startTime: at('10:00:00') }
const passed = { startTime: at('10:00:00'), endTime: at('10:00:40'), status: 'Succeeded' } as const

test('Keptn has 18 metrics, and so have we, with its types, labels and buckets', async () => {
  const { registry, appVersions, workloadVersions, tasks, evaluations } = aReplica()
  appVersions.apply('ADDED', anAppVersion('shop-1', { promotionTasks: ['announce'] }, running))
  workloadVersions.apply('ADDED', aWorkloadVersion('shop-cart-1', running))
  tasks.apply('ADDED', aTask('pre-smoke-1', running))
  evaluations.apply('ADDED', anEvaluation('post-eval-load-1', running))
  const ours = (await registry.getMetricsAsJSON()).filter(({ name }) => name.startsWith('keptn_'))
  expect(ours.map(({ name, type }) => `${name} ${String(type)}`).toSorted()).toEqual([
    'keptn_app_active gauge',
    'keptn_app_count_total counter',
    'keptn_app_deploymentduration gauge',
    'keptn_app_deploymentinterval gauge',
    'keptn_app_duration_seconds histogram',
    'keptn_deployment_active gauge',
    'keptn_deployment_count_total counter',
    'keptn_deployment_deploymentduration gauge',
    'keptn_deployment_deploymentinterval gauge',
    'keptn_deployment_duration_seconds histogram',
    'keptn_evaluation_active gauge',
    'keptn_evaluation_count_total counter',
    'keptn_evaluation_duration_seconds histogram',
    'keptn_lifecycle_active_total counter',
    'keptn_promotion_count_total counter',
    'keptn_task_active gauge',
    'keptn_task_count_total counter',
    'keptn_task_duration_seconds histogram',
  ])
})

test('an ending is counted once, with how long it took', async () => {
  const { appVersions, lines } = aReplica()
  appVersions.apply('ADDED', anAppVersion('shop-1', {}, running))
  expect(await lines('keptn_app_active')).toEqual([`keptn_app_active{${of('1')}} 1`])
  appVersions.apply('MODIFIED', anAppVersion('shop-1', {}, passed))
  appVersions.apply('MODIFIED', anAppVersion('shop-1', {}, { ...passed, attempt: 1 }))
  expect(await lines('keptn_app_active')).toEqual([`keptn_app_active{${of('1')}} 0`])
  expect(await lines('keptn_app_count_total')).toEqual([
    `keptn_app_count_total{${of('1')},keptn_deployment_app_status="Succeeded"} 1`,
    `keptn_app_count_total{${of('1')},keptn_deployment_app_status="Failed"} 0`,
  ])
  const buckets = await lines('keptn_app_duration_seconds_bucket')
  expect(buckets.map((line) => /le="([^"]+)"/.exec(line)?.[1])).toEqual(
    '0 5 10 25 50 75 100 250 500 750 1000 2500 5000 7500 10000 +Inf'.split(' '),
  )
  expect(await lines('keptn_app_duration_seconds_sum')).toEqual([
    `keptn_app_duration_seconds_sum{${of('1')},keptn_deployment_app_status="Succeeded"} 40`,
  ])
  expect(await lines('keptn_app_deploymentduration')).toEqual([
    `keptn_app_deploymentduration{${of('1')},keptn_deployment_app_previousversion=""} 40`,
  ])
  expect(await lines('keptn_lifecycle_active_total')).toEqual(['keptn_lifecycle_active_total 1'])
})

test('a failed version is counted, and its length is not', async () => {
  const { workloadVersions, lines } = aReplica()
  workloadVersions.apply('ADDED', aWorkloadVersion('shop-cart-1', running))
  workloadVersions.apply(
    'MODIFIED',
    aWorkloadVersion('shop-cart-1', { ...passed, status: 'Failed' }),
  )
  expect(await lines('keptn_deployment_count_total')).toContain(
    'keptn_deployment_count_total{keptn_deployment_app_name="shop",keptn_deployment_workload_name="shop-cart",keptn_deployment_workload_version="1",keptn_deployment_workload_namespace="shop",keptn_deployment_workload_status="Failed"} 1',
  )
  expect(await lines('keptn_deployment_duration_seconds')).toEqual([])
})

test('each attempt that ends is counted', async () => {
  const { appVersions, lines } = aReplica()
  appVersions.apply('ADDED', anAppVersion('shop-1', {}, running))
  appVersions.apply('MODIFIED', anAppVersion('shop-1', {}, { ...passed, status: 'Failed' }))
  appVersions.apply('MODIFIED', anAppVersion('shop-1', {}, running))
  appVersions.apply('MODIFIED', anAppVersion('shop-1', {}, { ...passed, endTime: at('10:02:00') }))
  expect((await lines('keptn_app_count_total')).map((line) => line.slice(-1))).toEqual(['1', '1'])
})

test('tasks and evaluations have the labels of what they are run for', async () => {
  const { tasks, evaluations, lines } = aReplica()
  tasks.apply('ADDED', aTask('pre-smoke-1', running))
  tasks.apply('MODIFIED', aTask('pre-smoke-1', { ...passed, status: 'Failed' }))
  evaluations.apply('ADDED', anEvaluation('post-eval-load-1', running))
  evaluations.apply(
    'MODIFIED',
    anEvaluation('post-eval-load-1', {
      ...running,
      endTime: at('10:00:05'),
      overallStatus: 'Succeeded',
    }),
  )
  expect(await lines('keptn_task_duration_seconds_sum')).toEqual([
    'keptn_task_duration_seconds_sum{keptn_deployment_app_name="shop",keptn_deployment_app_version="1",keptn_deployment_workload_name="",keptn_deployment_workload_version="",keptn_deployment_task_name="pre-smoke-1",keptn_deployment_task_type="pre",keptn_deployment_task_status="Failed"} 40',
  ])
  expect(await lines('keptn_evaluation_count_total')).toContain(
    'keptn_evaluation_count_total{keptn_deployment_app_name="shop",keptn_deployment_app_version="",keptn_deployment_workload_name="shop-cart",keptn_deployment_workload_version="1",keptn_deployment_evaluation_name="post-eval-load-1",keptn_deployment_evaluation_type="post-eval",keptn_deployment_evaluation_status="Succeeded"} 1',
  )
})

describe('what is not counted', () => {
  test('what had ended before it was first seen', async () => {
    const { appVersions, lines } = aReplica()
    appVersions.replace(new Map([['shop/shop-1', anAppVersion('shop-1', {}, passed)]]), '1')
    expect(await lines('keptn_app_count_total')).toEqual([])
    expect(await lines('keptn_app_active')).toHaveLength(1)
  })

  test('what ended before this replica led', async () => {
    const { appVersions, lines } = aReplica({ since: at('10:00:40.500') })
    appVersions.apply('ADDED', anAppVersion('shop-1', {}, running))
    appVersions.apply('MODIFIED', anAppVersion('shop-1', {}, passed))
    expect((await lines('keptn_app_count_total')).map((line) => line.slice(-1))).toEqual(['0', '0'])
  })

  test('anything in a replica that does not lead, which shows no gauge either', async () => {
    const { appVersions, lines } = aReplica({ leads: false })
    appVersions.apply('ADDED', anAppVersion('shop-1', {}, running))
    appVersions.apply('MODIFIED', anAppVersion('shop-1', {}, passed))
    expect((await lines('keptn_app_count_total')).map((line) => line.slice(-1))).toEqual(['0', '0'])
    expect(await lines('keptn_app_active')).toEqual([])
    expect(await lines('keptn_lifecycle_active_total')).not.toContain(
      'keptn_lifecycle_active_total 1',
    )
  })
})

test('series end with the last object that they are about', async () => {
  const { appVersions, lines } = aReplica()
  const [first, second] = ['shop-1-a', 'shop-1-b'] as const
  for (const name of [first, second]) {
    appVersions.apply('ADDED', anAppVersion(name, {}, running))
    appVersions.apply('MODIFIED', anAppVersion(name, {}, passed))
  }
  expect((await lines('keptn_app_count_total'))[0]).toMatch(/ 2$/)
  appVersions.apply('DELETED', anAppVersion(first, {}, passed))
  expect((await lines('keptn_app_count_total'))[0]).toMatch(/ 2$/)
  appVersions.apply('DELETED', anAppVersion(second, {}, passed))
  expect(await lines('keptn_app_')).toEqual([])
})

test('promotions are those of versions with promotion tasks, where there are promotions', async () => {
  for (const promotes of [true, false]) {
    const { appVersions, lines } = aReplica({ promotes })
    const announced = { promotionTasks: ['announce'] }
    appVersions.apply('ADDED', anAppVersion('shop-1', announced, running))
    appVersions.apply('MODIFIED', anAppVersion('shop-1', announced, passed))
    appVersions.apply('ADDED', anAppVersion('shop-2', {}, running))
    appVersions.apply('MODIFIED', anAppVersion('shop-2', {}, passed))
    const counted = (await lines('keptn_promotion_count_total')).filter((line) =>
      line.endsWith(' 1'),
    )
    expect(counted).toEqual(
      promotes
        ? [`keptn_promotion_count_total{${of('1')},keptn_deployment_app_status="Succeeded"} 1`]
        : [],
    )
  }
})

test('the interval is the one to the version before, and not to one whose name begins alike', async () => {
  const { appVersions, lines } = aReplica()
  const ending = (endTime: string) => ({ ...passed, endTime: at(endTime) })
  appVersions.apply('ADDED', anAppVersion('shop-1', {}, ending('10:01:00')))
  const alike = { startTime: at('09:00:00'), endTime: at('09:30:00') }
  appVersions.apply('ADDED', anAppVersion('shop-10', {}, alike))
  appVersions.apply('ADDED', anAppVersion('x', { version: '1' }, alike, { namespace: 'other' }))
  appVersions.apply('ADDED', anAppVersion('shop-2', { previousVersion: '1' }, ending('10:03:00')))
  expect(await lines('keptn_app_deploymentinterval')).toEqual([
    `keptn_app_deploymentinterval{${of('2')},keptn_deployment_app_previousversion="1"} 120`,
  ])
})
