import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import type { KeptnAppVersion } from '../../../api/index.ts'
import { buildProcessMetrics } from '../../../telemetry/process-metrics.ts'
import { serveLifecycleMetrics } from '../../../telemetry/prometheus/index.ts'
import { eventually } from '../../eventually.ts'
import { anAppVersion, at, measuredFeeds, storesOf } from '../../unit/telemetry/objects.ts'
import { startPrometheus, type Prometheus } from '../metrics/prometheus.ts'

/** A replica that leads, and serves its figures at a port. */
const startReplica = async (port = 0) => {
  const feeds = measuredFeeds()
  const { registry, show, server } = buildProcessMetrics()
  serveLifecycleMetrics({
    stores: storesOf(feeds),
    leading: () => ({ since: new Date(at('09:00:00')), stillLeading: () => true }),
    promotes: true,
    holding: {
      pods: { all: () => [] },
      isHeld: () => true,
      hasVersion: () => true,
      condition: '',
    },
    reflectors: [],
    figures: registry,
    show,
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    ...feeds,
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
type Replica = Awaited<ReturnType<typeof startReplica>>

let replica: Replica | undefined
let prometheus: Prometheus | undefined
afterEach(async () => {
  await prometheus?.close()
  await replica?.close()
})

/** The one value of the answer to a query. */
const valueOf = async (query: string): Promise<number> => {
  const answer = (await prometheus?.query(query)) as {
    readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] }
  }
  expect(answer.data.result).toHaveLength(1)
  return Number(answer.data.result[0]?.value[1])
}

const seen = (query: string, value: number): Promise<void> =>
  eventually(async () => {
    expect(await valueOf(query)).toBe(value)
  })

/** The queries that the page gives for the four figures. */
const queries = Object.fromEntries(
  readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const row = /^\| ([^|]+?) +\| `(.+)` +\|$/.exec(line)
      return row === null ? [] : [[row[1] ?? '', (row[2] ?? '').replaceAll('\\|', '|')]]
    }),
)

const released = {
  preDeploymentStatus: 'Succeeded',
  preDeploymentEvaluationStatus: 'Succeeded',
} as const

/** A version that was made at one time and ended at another. */
const aVersion = (
  name: string,
  made: string,
  ending?: { readonly at: string; readonly status: 'Succeeded' | 'Failed' },
): KeptnAppVersion =>
  anAppVersion(
    name,
    {},
    ending === undefined ? {} : { ...released, status: ending.status, endTime: at(ending.at) },
    { creationTimestamp: at(made) },
  )

const count = (outcome: string): string => `gatekept_deployments_total{outcome="${outcome}"}`

test('what Prometheus makes of the figures is a history that was worked out by hand, over a restart', async () => {
  replica = await startReplica()
  prometheus = await startPrometheus(replica.port)
  const first = aVersion('shop-1', '10:00:00')
  replica.appVersions.apply('ADDED', first)
  replica.appVersions.apply('ADDED', aVersion('shop-2', '11:00:00'))
  await seen(count('succeeded'), 0)
  const passed = aVersion('shop-1', '10:00:00', { at: '10:10:00', status: 'Succeeded' })
  const failed = aVersion('shop-2', '11:00:00', { at: '11:10:00', status: 'Failed' })
  replica.appVersions.apply('MODIFIED', passed)
  replica.appVersions.apply('MODIFIED', failed)
  await seen(count('failed'), 1)

  const { port } = replica
  await replica.close()
  replica = await startReplica(port)
  const stored = [passed, failed, aVersion('shop-3', '11:20:00'), aVersion('shop-4', '12:00:00')]
  replica.appVersions.replace(
    new Map(stored.map((version) => [`shop/${version.metadata.name}`, version])),
    '1000000',
  )
  await seen(count('failed'), 0)
  const later = { metadata: { resourceVersion: '1000001' } }
  for (const [name, made, ended] of [
    ['shop-3', '11:20:00', '11:40:00'],
    ['shop-4', '12:00:00', '12:30:00'],
  ] as const) {
    const version = aVersion(name, made, { at: ended, status: 'Succeeded' })
    replica.appVersions.apply('MODIFIED', {
      ...version,
      metadata: { ...version.metadata, ...later.metadata },
    })
  }
  await seen(count('succeeded'), 2)

  expect(Object.keys(queries)).toEqual([
    'Deployment frequency, per day',
    'Lead time for changes, mean',
    'Change failure rate',
    'Time to restore, mean',
  ])
  const figure = (name: string): Promise<number> => valueOf(queries[name] ?? '')
  // Ten minutes, twenty and thirty.
  expect(await figure('Lead time for changes, mean')).toBeCloseTo(1_200, 3)
  expect(await figure('Change failure rate')).toBeCloseTo(1 / 4, 6)
  // From 11:10 to 11:40.
  expect(await figure('Time to restore, mean')).toBeCloseTo(1_800, 3)
  // Prometheus extrapolates to the ends of what it has seen, by a scrape at most.
  const perDay = await figure('Deployment frequency, per day')
  expect(perDay * 30).toBeGreaterThanOrEqual(3)
  expect(perDay * 30).toBeLessThan(4)
  expect(await valueOf('gatekept_change_failure_ratio')).toBe(1 / 4)
})
