import { expect, test } from '@jest/globals'
import type { KubeObject, ResourceType } from '../../../api/object.ts'
import { buildProcessMetrics, type ShownGauge } from '../../../telemetry/process-metrics.ts'
import {
  holdingGauges,
  watchGauges,
  type MeasuredPod,
} from '../../../telemetry/prometheus/operator.ts'
import { at, metadata } from './objects.ts'

const shown = (gauges: readonly ShownGauge[]) =>
  Object.fromEntries(gauges.map(({ name, series }) => [name, [...series()]]))

const aPod = (name: string, createdAt: string, reason?: string): MeasuredPod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata(name, { creationTimestamp: at(createdAt) }),
  ...(reason === undefined
    ? {}
    : { status: { conditions: [{ type: 'released', status: 'False', reason }] } }),
})

const holding = (pods: readonly MeasuredPod[], leads = true) =>
  shown(
    holdingGauges(
      {
        pods: { all: () => pods },
        isHeld: ({ metadata: { name } }) => name !== 'gone',
        hasVersion: ({ metadata: { name } }) => name !== 'alone',
        condition: 'released',
      },
      () => leads,
      () => Date.parse(at('10:05:00')),
    ),
  )

test('held pods are counted by namespace and reason, and those that were let go are not', () => {
  const pods = [
    aPod('a', '10:00:00', 'ChecksRunning'),
    aPod('b', '10:01:00', 'ChecksRunning'),
    aPod('alone', '10:04:59'),
    aPod('gone', '09:00:00', 'ChecksRunning'),
  ]
  expect(holding(pods)).toEqual({
    gatekept_held_pods: [
      { labels: { object_namespace: 'shop', reason: 'ChecksRunning' }, value: 2 },
      { labels: { object_namespace: 'shop', reason: 'NotToldYet' }, value: 1 },
    ],
    gatekept_oldest_hold_seconds: [{ labels: {}, value: 300 }],
    gatekept_gates_without_version: [{ labels: { object_namespace: 'shop' }, value: 1 }],
  })
})

test('nothing is held for 0 seconds, and who does not lead says nothing', () => {
  expect(holding([])['gatekept_oldest_hold_seconds']).toEqual([{ labels: {}, value: 0 }])
  expect(Object.values(holding([aPod('a', '10:00:00')], false)).flat()).toEqual([])
})

test('of two watches of a kind the more silent one is told', () => {
  const watch = (kind: string, idleMs: number) => ({
    type: { kind } as ResourceType<KubeObject>,
    idleMs: () => idleMs,
  })
  expect(shown(watchGauges([watch('Pod', 1_000), watch('Pod', 40_000), watch('Job', 0)]))).toEqual({
    gatekept_watch_age_seconds: [
      { labels: { kind: 'Pod' }, value: 40 },
      { labels: { kind: 'Job' }, value: 0 },
    ],
  })
})

test('a queue is shown until its term has ended, and a later term takes its place', async () => {
  const { onQueue, registry } = buildProcessMetrics()
  const depth = async () => {
    const lines = (await registry.metrics()).split('\n')
    return lines.filter((line) => line.startsWith('gatekept_queue_depth'))
  }
  const [first, second] = [new AbortController(), new AbortController()]
  onQueue({ controller: 'task', size: () => 3, signal: first.signal })
  expect(await depth()).toEqual(['gatekept_queue_depth{controller="task"} 3'])
  first.abort()
  expect(await depth()).toEqual([])
  onQueue({ controller: 'task', size: () => 5, signal: second.signal })
  expect(await depth()).toEqual(['gatekept_queue_depth{controller="task"} 5'])
})
