import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { servedMetrics } from '../../unit/telemetry/served-metrics.ts'
import { findProgram } from '../metrics/prometheus.ts'

const run = promisify(execFile)
const manifests = join(import.meta.dirname, '../../../manifests')

let folder = ''
let promtool = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'promtool-'))
  promtool = await findProgram(folder, 'promtool')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The queries with the words in the place of Grafana's variables. */
const withoutVariables = (query: string): string =>
  query
    .replaceAll('$__range_s', '3600')
    .replaceAll('$__range', '1h')
    .replaceAll('$__rate_interval', '5m')
    .replaceAll(/\$(namespace|app|workload)\b/g, 'a')

interface Dashboard {
  readonly uid: string
  readonly templating: { readonly list: readonly { readonly definition?: string }[] }
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[]
}

const dashboards = async (): Promise<readonly Dashboard[]> => {
  const names = await readdir(join(manifests, 'grafana'))
  return Promise.all(
    names.map(
      async (name) =>
        JSON.parse(await readFile(join(manifests, 'grafana', name), 'utf8')) as Dashboard,
    ),
  )
}

const queriesOf = ({ panels }: Dashboard): readonly string[] =>
  panels.flatMap(({ targets }) => targets.map(({ expr }) => withoutVariables(expr)))

const rules = async (): Promise<readonly string[]> => {
  const text = await readFile(join(manifests, 'alerts/gatekept.yaml'), 'utf8')
  const file = parse(text) as { readonly groups: { readonly rules: { readonly expr: string }[] }[] }
  return file.groups.flatMap((group) => group.rules.map(({ expr }) => expr))
}

/** The names of series, and by which labels each is asked for. */
const served = new Map(
  servedMetrics().flatMap(({ name, type, labels }) => {
    if (type !== 'histogram') return [[name, new Set(labels)] as const]
    return [
      [`${name}_count`, new Set(labels)] as const,
      [`${name}_sum`, new Set(labels)] as const,
      [`${name}_bucket`, new Set([...labels, 'le'])] as const,
    ]
  }),
)

/** What is wrong with the names in a query, in words. */
const strangers = (query: string): readonly string[] => {
  const used = [...query.matchAll(/\b((?:keptn|gatekept)_\w+)(\{[^}]*\})?/g)].filter(
    ([, name = '']) => !isLabel(name),
  )
  const metrics = used.map(([, name = '']) => name)
  const unknown = metrics.filter((name) => !served.has(name)).map((name) => `metric ${name}`)
  const matched = used.flatMap(([, name = '', selector = '']) =>
    [...selector.matchAll(/(\w+)(?:=~|=|!=|!~)"/g)]
      .map(([, label = '']) => label)
      .filter((label) => served.get(name)?.has(label) !== true)
      .map((label) => `label ${label} of ${name}`),
  )
  const grouped = [...query.matchAll(/\bby \(([^)]*)\)/g)]
    .flatMap(([, names = '']) => names.split(',').map((name) => name.trim()))
    .filter((label) => !metrics.every((name) => served.get(name)?.has(label) === true))
    .map((label) => `label ${label} behind by`)
  return [...unknown, ...matched, ...grouped]
}

const isLabel = (name: string): boolean => [...served.values()].some((labels) => labels.has(name))

describe('dashboards', () => {
  test('there are the three that people know, and one for the operator', async () => {
    expect((await dashboards()).map(({ uid }) => uid).toSorted()).toEqual([
      'gatekept-applications',
      'gatekept-operator',
      'gatekept-overview',
      'gatekept-workloads',
    ])
  })

  test('each query names metrics and labels that are served', async () => {
    const queries = (await dashboards()).flatMap(queriesOf)
    expect(queries.length).toBeGreaterThan(40)
    expect(queries.flatMap(strangers)).toEqual([])
  })

  test('so do the lists of values to choose from', async () => {
    const lists = (await dashboards()).flatMap(({ templating }) =>
      templating.list.flatMap(({ definition }) => definition ?? []),
    )
    expect(lists.length).toBeGreaterThan(3)
    for (const list of lists) {
      const [, series = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(list) ?? []
      expect(strangers(`sum by (${label}) (${withoutVariables(series)})`)).toEqual([])
    }
  })

  test('a query for what is not there is found', () => {
    expect(strangers('sum by (app) (keptn_app_gone{a="b"})')).toHaveLength(3)
    expect(strangers('keptn_deployment_gone')).toHaveLength(1)
    expect(strangers('keptn_app_active{keptn_deployment_workload_name="a"}')).toHaveLength(1)
    expect(strangers('sum by (le) (keptn_app_active)')).toHaveLength(1)
  })

  test("each query can be read by Prometheus' own parser", async () => {
    const records = (await dashboards()).flatMap(queriesOf)
    const file = join(folder, 'rules.yaml')
    const group = {
      name: 'dashboards',
      rules: records.map((expr, i) => ({ record: `query_${i}`, expr })),
    }
    await writeFile(file, JSON.stringify({ groups: [group] }))
    const { stdout } = await run(promtool, ['check', 'rules', file])
    expect(stdout).toContain(`SUCCESS: ${records.length} rules found`)
  })
})

describe('alerts', () => {
  test('each names metrics and labels that are served', async () => {
    const expressions = await rules()
    expect(expressions).toHaveLength(10)
    expect(expressions.flatMap(strangers)).toEqual([])
  })

  test('each fires on what it is for, and not on what is usual', async () => {
    const file = join(manifests, 'alerts/gatekept.test.yaml')
    const { stdout } = await run(promtool, ['test', 'rules', file])
    expect(stdout).toContain('SUCCESS')
  })
})
