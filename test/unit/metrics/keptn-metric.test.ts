import { expect, test } from '@jest/globals'
import type { KeptnMetric } from '../../../api/index.ts'
import { decide } from '../../../metrics/keptn-metric/decide.ts'
import type { Outcome } from '../../../metrics/outcome.ts'
import { aMetric } from '../evaluation/objects.ts'
import { aProvider } from './source-server.ts'

const now = new Date('2026-01-01T00:01:00Z')
const measuredWith = (metric: KeptnMetric, outcome: Outcome): KeptnMetric => {
  const seen = { now, metric, provider: aProvider({}), measured: { at: now, outcome } }
  const { status } = decide(seen)
  return { ...metric, ...(status === undefined ? {} : { status }) }
}
const bytesOf = (metric: KeptnMetric): number => Buffer.byteLength(JSON.stringify(metric))
const rawOf = ({ status }: KeptnMetric): Buffer => Buffer.from(status?.rawValue ?? '', 'base64')
const withQuery = (query: string): KeptnMetric => {
  const metric = aMetric(undefined)
  return { ...metric, spec: { ...metric.spec, query } }
}

const mebibyte = 1024 * 1024
const raw = 'é1'.repeat(mebibyte / 2)

test('of a large answer a mebibyte is kept', () => {
  const metric = measuredWith(withQuery('up'), { kind: 'value', value: '1', raw })
  expect(rawOf(metric)).toEqual(Buffer.from(raw).subarray(0, mebibyte))
})

test('of a large answer to a large query as much is kept as an object has place for', () => {
  const metric = measuredWith(withQuery('x'.repeat(mebibyte)), { kind: 'value', value: '1', raw })
  const kept = rawOf(metric)
  expect(bytesOf(metric)).toBeLessThan(1_501_000)
  expect(bytesOf(metric)).toBeGreaterThan(1_499_000)
  expect(kept).toEqual(Buffer.from(raw).subarray(0, kept.length))
})

test('an earlier answer gives way to what is said of a failure', () => {
  const range = { interval: '5m', storedResults: 255 }
  const before = measuredWith(withQuery('up'), { kind: 'value', value: '1', raw })
  const intervalResults = Array.from({ length: 254 }, (_, second) => ({
    value: '',
    errMsg: 'x'.repeat(300),
    lastUpdated: new Date(second * 1000).toISOString(),
    range,
  }))
  const full = {
    ...before,
    spec: { ...before.spec, range },
    status: { ...before.status, intervalResults },
  }
  const metric = measuredWith(full, { kind: 'error', message: 'x'.repeat(300) })
  expect(bytesOf(metric)).toBeLessThan(1_501_000)
  expect(metric.status).toMatchObject({ value: '1', errMsg: 'x'.repeat(300) })
  expect(rawOf(metric).length).toBeGreaterThan(mebibyte / 2)
})
