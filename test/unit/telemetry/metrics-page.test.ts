import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { servedMetrics } from './served-metrics.ts'

const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')

/** The rows of the page: name, type and whole names of labels. */
const rows = page.split('\n').flatMap((line) => {
  const [name, type, labels] = line
    .split('|')
    .slice(1)
    .map((cell) => cell.trim())
  const metric = /^`((keptn|gatekept)_\w+)`$/.exec(name ?? '')
  if (metric === null) return []
  const prefix = metric[2] === 'keptn' ? 'keptn_deployment_' : ''
  const names = (labels ?? '').split(', ').filter((label) => label !== '')
  return [{ name: metric[1], type, labels: names.map((label) => `${prefix}${label}`) }]
})

test('the page names each metric that is served, with its type and labels, and no other', () => {
  const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }): number =>
    (a.name ?? '').localeCompare(b.name ?? '')
  expect(rows.toSorted(byName)).toEqual([...servedMetrics()].toSorted(byName))
})
