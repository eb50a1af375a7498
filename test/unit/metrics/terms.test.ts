import { describe, expect, test } from '@jest/globals'
import type { KeptnMetric } from '../../../api/index.ts'
import { keyOf } from '../../../kube/keys.ts'
import {
  awaitingEvaluations,
  keptnMetricController,
  type AwaitingEvaluation,
} from '../../../metrics/keptn-metric/index.ts'
import { createMeasurements } from '../../../metrics/measurements.ts'
import { aMetric } from '../evaluation/objects.ts'
import { filledStore } from '../filled-store.ts'
import { aProvider } from './source-server.ts'

const intervalMs = 60_000
const stepMs = 100
const beginning = Date.parse('2026-01-01T00:00:00Z')

/** A time that passes when the test says so, and what was put off until then. */
const createClock = () => {
  let nowMs = beginning
  const put = new Set<{ readonly atMs: number; readonly run: () => void }>()
  return {
    now: () => new Date(nowMs),
    later: (run: () => void, ms: number) => {
      const one = { atMs: nowMs + ms, run }
      put.add(one)
      return () => put.delete(one)
    },
    step: (ms: number) => {
      nowMs += ms
      for (const one of put) {
        if (one.atMs > nowMs) continue
        put.delete(one)
        one.run()
      }
    },
  }
}

type Clock = ReturnType<typeof createClock>

const createMetrics = (count: number): Map<string, KeptnMetric> =>
  new Map(
    Array.from({ length: count }, (_, index) => {
      const { metadata, spec, ...metric } = aMetric(undefined, { name: `metric-${index}` })
      const own = {
        ...metric,
        metadata: { ...metadata, uid: `uid-${index}` },
        spec: { ...spec, fetchIntervalSeconds: intervalMs / 1000 },
      }
      return [keyOf(own), own] as const
    }),
  )

/** Leads for a while, as the loop of controllers does it, and tells when which metric was asked. */
const lead = async (metrics: Map<string, KeptnMetric>, clock: Clock, ms: number) => {
  const term = new AbortController()
  const asked: { readonly key: string; readonly at: Date }[] = []
  const wakes = new Map([...metrics.keys()].map((key) => [key, clock.now()]))
  const { now, later } = clock
  const measurements = createMeasurements({
    ...{ now, later, signal: term.signal, perSource: Infinity, inAll: Infinity },
  })
  measurements.ended.subscribe(({ now: key }) => wakes.set(key as never, clock.now()))
  const controller = keptnMetricController({
    metrics: {
      ...filledStore<KeptnMetric>([]),
      get: (space, name) => metrics.get(`${space}/${name}`),
    },
    providers: filledStore([aProvider({})]),
    evaluations: filledStore<AwaitingEvaluation>([], awaitingEvaluations.indexes),
    measurements: {
      ...measurements,
      ask: (inquiry) =>
        measurements.ask({
          ...inquiry,
          run: (at, signal) => {
            asked.push({ key: inquiry.key, at: clock.now() })
            return inquiry.run(at, signal)
          },
        }),
    },
    measure: () => Promise.resolve({ kind: 'value', value: '1', raw: '1' }),
  })
  for (let passed = 0; passed < ms; passed += stepMs) {
    for (const [key, at] of wakes) {
      if (at > clock.now()) continue
      wakes.delete(key)
      const seen = await controller.observe(key, clock.now())
      if (seen === undefined) throw new Error(`There is no metric "${key}"`)
      const { status, wakeAt } = controller.decide(seen)
      if (status !== undefined) metrics.set(key, { ...seen.metric, status })
      if (wakeAt !== undefined) wakes.set(key, wakeAt)
    }
    await new Promise((resolve) => setImmediate(resolve))
    clock.step(stepMs)
  }
  term.abort()
  return asked
}

const perSecond = (asked: readonly { readonly at: Date }[]): readonly number[] => {
  const counts = new Map<number, number>()
  for (const { at } of asked) {
    const second = Math.floor(at.getTime() / 1000)
    counts.set(second, (counts.get(second) ?? 0) + 1)
  }
  return [...counts.values()]
}

describe('a leader that comes later', () => {
  test('asks what is overdue over ten seconds, each metric once', async () => {
    const [clock, metrics] = [createClock(), createMetrics(300)]
    await lead(metrics, clock, 3 * intervalMs)
    // Longer than an interval, so that all of them are overdue.
    clock.step(5 * intervalMs)
    const asked = await lead(metrics, clock, 10_100)
    expect(new Set(asked.map(({ key }) => key)).size).toBe(300)
    expect(asked.length).toBe(300)
    expect(Math.max(...perSecond(asked))).toBeLessThan(60)
  })

  test('asks what is not overdue when it is due, as if it had led all the time', async () => {
    const clocks = [createClock(), createClock()] as const
    const [long, short] = [createMetrics(100), createMetrics(100)]
    const first = await lead(long, clocks[0], 4 * intervalMs)
    await lead(short, clocks[1], 3 * intervalMs)
    const second = await lead(short, clocks[1], intervalMs)
    const begun = beginning + 3 * intervalMs
    const byKey = (asked: typeof first) =>
      asked.map(({ key, at }) => `${at.toISOString()} ${key}`).sort()
    expect(byKey(second)).toEqual(byKey(first.filter(({ at }) => at.getTime() >= begun)))
    expect(second).toHaveLength(100)
  })
})
