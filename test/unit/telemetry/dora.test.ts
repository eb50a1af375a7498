import { expect, test } from '@jest/globals'
import { buildProcessMetrics } from '../../../telemetry/process-metrics.ts'
import { serveChecks } from '../../../telemetry/prometheus/checks.ts'
import {
  restoredAfter,
  serveDora,
  withEnding,
  type History,
} from '../../../telemetry/prometheus/dora.ts'
import { anAppVersion, at, aTask, measuredFeeds, storesOf } from './objects.ts'

const term = { since: new Date(at('09:00:00')), stillLeading: () => true }

/** One replica that leads: its feeds, and the values that it shows by the text in front of them. */
const aLeader = () => {
  const feeds = measuredFeeds()
  const { registry, show } = buildProcessMetrics()
  const leading = () => term
  show(serveDora({ store: feeds.appVersions.store, registry, leading }))
  serveChecks({ stores: storesOf(feeds), registry, leading })
  const values = async (): Promise<Readonly<Record<string, number>>> =>
    Object.fromEntries(
      (await registry.metrics())
        .split('\n')
        .filter((line) => /^gatekept_/.test(line) && !/_bucket|controller/.test(line))
        .map((line) => {
          const end = line.lastIndexOf(' ')
          return [line.slice(0, end), Number(line.slice(end))]
        }),
    )
  return { ...feeds, values }
}

const app = 'app_namespace="shop",app_name="shop"'
const released = {
  preDeploymentStatus: 'Succeeded',
  preDeploymentEvaluationStatus: 'Warning',
} as const

/** A version that was made at one time and ended at another. */
const deploy = (
  feed: ReturnType<typeof measuredFeeds>['appVersions'],
  name: string,
  history: { readonly made: string; readonly ended: string; readonly status: object },
): void => {
  const more = { creationTimestamp: at(history.made) }
  feed.apply('ADDED', anAppVersion(name, {}, {}, more))
  const status = { ...history.status, endTime: at(history.ended) }
  feed.apply('MODIFIED', anAppVersion(name, {}, status, more))
}

test('the figures of DORA are those of a history that was worked out by hand', async () => {
  const { appVersions, values } = aLeader()
  const passed = { ...released, status: 'Succeeded' }
  const failed = { ...released, status: 'Failed' }
  deploy(appVersions, 'shop-1', { made: '10:00:00', ended: '10:01:00', status: passed })
  deploy(appVersions, 'shop-2', { made: '11:00:00', ended: '11:05:00', status: failed })
  deploy(appVersions, 'shop-3', { made: '11:10:00', ended: '11:15:00', status: failed })
  const heldBack = { preDeploymentStatus: 'Failed', status: 'Failed' }
  deploy(appVersions, 'shop-4', { made: '11:20:00', ended: '11:21:00', status: heldBack })
  deploy(appVersions, 'shop-5', { made: '11:30:00', ended: '11:35:00', status: passed })
  const superseded = { status: 'Deprecated' }
  deploy(appVersions, 'shop-6', { made: '12:00:00', ended: '12:01:00', status: superseded })
  deploy(appVersions, 'shop-7', { made: '12:02:00', ended: '12:03:00', status: passed })
  expect(await values()).toEqual({
    [`gatekept_deployments_total{${app},outcome="succeeded"}`]: 3,
    [`gatekept_deployments_total{${app},outcome="failed"}`]: 2,
    [`gatekept_deployments_total{${app},outcome="held_back"}`]: 1,
    [`gatekept_lead_time_seconds_count{${app}}`]: 3,
    [`gatekept_lead_time_seconds_sum{${app}}`]: 60 + 300 + 60,
    [`gatekept_restore_seconds_count{${app}}`]: 1,
    // 11:05, when it first failed, to 11:35.
    [`gatekept_restore_seconds_sum{${app}}`]: 1_800,
    [`gatekept_change_failure_ratio{${app}}`]: 2 / 5,
  })
})

test('a failure from before a restart is restored after it', async () => {
  const { appVersions, values } = aLeader()
  const failure = { ...released, status: 'Failed', endTime: at('09:30:00') } as const
  appVersions.replace(new Map([['shop/shop-1', anAppVersion('shop-1', {}, failure)]]), '1')
  const passed = { ...released, status: 'Succeeded' }
  deploy(appVersions, 'shop-2', { made: '09:35:00', ended: '09:40:00', status: passed })
  expect(await values()).toMatchObject({
    [`gatekept_deployments_total{${app},outcome="failed"}`]: 0,
    [`gatekept_restore_seconds_sum{${app}}`]: 600,
  })
})

test('a history is the same in whatever order it is told', () => {
  const endings = [
    { outcome: 'failed', at: 1_000 },
    { outcome: 'succeeded', at: 2_000 },
    { outcome: 'failed', at: 3_000 },
    { outcome: 'failed', at: 4_000 },
  ] as const
  const none: History = { succeededAt: -Infinity, failuresAt: [] }
  for (const order of [endings, endings.toReversed()]) {
    let history = none
    for (const ending of order) history = withEnding(history, ending)
    expect(restoredAfter(history, 9_000)).toBe(6)
  }
})

test('all series of an app end with its last version', async () => {
  const { appVersions, values } = aLeader()
  const passed = { ...released, status: 'Succeeded' }
  deploy(appVersions, 'shop-1', { made: '10:00:00', ended: '10:01:00', status: passed })
  deploy(appVersions, 'shop-2', { made: '10:02:00', ended: '10:03:00', status: passed })
  appVersions.apply('DELETED', anAppVersion('shop-1'))
  expect(await values()).toMatchObject({
    [`gatekept_deployments_total{${app},outcome="succeeded"}`]: 2,
  })
  appVersions.apply('DELETED', anAppVersion('shop-2'))
  expect(await values()).toEqual({})
})

const check = 'check="task",object_namespace="shop",definition="smoke"'

test('a check that passes after it has failed for the same version is a flake', async () => {
  const { tasks, values } = aLeader()
  const run = (
    name: string,
    owner: string,
    status: 'Succeeded' | 'Failed' | 'Deprecated',
  ): void => {
    tasks.apply('ADDED', aTask(name, { startTime: at('10:00:00') }, {}, owner))
    const ended = { startTime: at('10:00:00'), endTime: at('10:00:07'), status }
    tasks.apply('MODIFIED', aTask(name, ended, {}, owner))
  }
  run('a-1', 'shop-1', 'Failed')
  run('b-1', 'shop-2', 'Succeeded')
  run('c-1', 'shop-3', 'Deprecated')
  expect((await values())[`gatekept_check_flakes_total{${check}}`]).toBe(0)
  run('a-2', 'shop-1', 'Succeeded')
  expect(await values()).toEqual({
    [`gatekept_check_flakes_total{${check}}`]: 1,
    [`gatekept_check_duration_seconds_count{${check},outcome="succeeded"}`]: 2,
    [`gatekept_check_duration_seconds_sum{${check},outcome="succeeded"}`]: 14,
    [`gatekept_check_duration_seconds_count{${check},outcome="failed"}`]: 1,
    [`gatekept_check_duration_seconds_sum{${check},outcome="failed"}`]: 7,
  })
  for (const name of ['a-1', 'a-2', 'b-1', 'c-1']) tasks.apply('DELETED', aTask(name))
  expect(await values()).toEqual({})
})
