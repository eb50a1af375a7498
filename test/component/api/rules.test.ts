import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { crdOf, structural, type StructuralSchema } from '../../../api/crd.ts'
import {
  Analysis,
  AnalysisDefinition,
  KeptnAppVersion,
  KeptnConfig,
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  KeptnMetricsProvider,
  KeptnTask,
  KeptnTaskDefinition,
  KeptnWorkload,
  KeptnWorkloadVersion,
  resources,
} from '../../../api/index.ts'
import type { AnyResource } from '../../../api/resource.ts'
import { eventually } from '../../eventually.ts'
import { samplesOf, type Json } from './sample.ts'
import { applyCrds, manifestOf, startServer, type Server } from './server.ts'
import { kindsAreServed } from '../../kinds.ts'

let server: Server

const none = 'Forbidden! Either Container, Python, or Deno field must be defined'
const several = 'Forbidden! Only one of Container, Python, or Deno field can be defined'

const withoutRules = (schema: StructuralSchema): StructuralSchema =>
  JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key === 'x-kubernetes-validations' || key === 'minimum' ? undefined : value,
    ),
  ) as StructuralSchema

/** Objects that are stored before their kind has rules, and break them. */
const lawless: Readonly<Record<string, Json>> = {
  nothing: {},
  both: { deno: {}, python: {} },
  negative: { deno: {}, retries: -1, ttlSecondsAfterFinished: -1 },
}

beforeAll(async () => {
  server = await startServer('api-rules')
  const crd = crdOf(KeptnTaskDefinition)
  const versions = crd.spec.versions.map((version) => ({
    ...version,
    schema: { openAPIV3Schema: withoutRules(version.schema.openAPIV3Schema) },
  }))
  const old = stringify({ ...crd, spec: { ...crd.spec, versions } })
  await server.cluster.kubectl(['create', '-f', '-'], old)
  await kindsAreServed(server.cluster)
  for (const [name, spec] of Object.entries(lawless)) {
    await eventually(() => server.create(manifestOf(KeptnTaskDefinition, 'v1', name, { spec })))
  }
  await applyCrds(server.cluster)
  // A changed CRD takes a moment to be in force.
  await eventually(async () => {
    const refused = server.create(manifestOf(KeptnTaskDefinition, 'v1', 'probe', { spec: {} }))
    await expect(refused).rejects.toThrow(none)
  })
}, 300_000)

afterAll(() => server.close())

const totalScore = { passPercentage: 90, warningPercentage: 75 }
const definition = (failure: Json, other: Json = {}): Json => ({
  objectives: [{ analysisValueTemplateRef: { name: 'a' }, target: { failure }, ...other }],
  totalScore,
})
const from = '2026-01-01T00:00:00Z'
const to = '2026-01-01T01:00:00Z'
const analysis = (spec: Json): Json => ({ analysisDefinition: { name: 'a' }, ...spec })
const oneSpan = 'set timeframe, or set windows for a backtest, and not both'
const oneFrame = 'set either recent, or from and to, and not both'
const wholeFrame = 'set recent to more than zero, or set both from and to'
const oneOperator =
  'set exactly one of lessThan, lessThanOrEqual, greaterThan, greaterThanOrEqual, equalTo, inRange and notInRange'
const bounds = 'set lowBound to a number below highBound'
const withSecret = { type: 'http', secretKeyRef: { name: 'a', key: 'b' } }

const asked = { id: 'a', by: 'jo', reason: 'b' }
const namesSkipped =
  'check names what is skipped: it belongs to an action of type skip, and to no other'

/** Cases by the sentence that they are refused with. */
const refusedAtCreation: readonly (readonly [
  what: string,
  type: AnyResource,
  spec: Json,
  message: string,
])[] = [
  ['a task that runs nothing', KeptnTaskDefinition, {}, none],
  ['two runtimes', KeptnTaskDefinition, { deno: {}, python: {} }, several],
  ['a runtime under both its names', KeptnTaskDefinition, { deno: {}, function: {} }, several],
  [
    'a container beside a script',
    KeptnTaskDefinition,
    { container: { name: 'a' }, function: {} },
    several,
  ],
  [
    'a step without an aggregation',
    KeptnMetric,
    { range: { step: '1m' } },
    'spec.range.aggregation: Required value: aggregation is required when step is set',
  ],
  [
    'an aggregation without a step',
    KeptnMetric,
    { range: { aggregation: 'max' } },
    'spec.range.step: Required value: step is required when aggregation is set',
  ],
  [
    'an interval that is no duration',
    KeptnMetric,
    { range: { interval: '5mins' } },
    'spec.range.interval',
  ],
  [
    'a target that cannot be read',
    KeptnEvaluationDefinition,
    { objectives: [{ keptnMetricRef: { name: 'a' }, evaluationTarget: 'about 5' }] },
    'write one of < <= > >= = != and a number, two of these, or a range, such as <4, >=10 <20 or 10..20',
  ],
  ['more stored results than fit', KeptnMetric, { range: { storedResults: 256 } }, '255'],
  [
    'a source of the type http that does not say how to ask',
    KeptnMetricsProvider,
    { type: 'HTTP' },
    'spec.http: Required value: http is required when type is http',
  ],
  [
    'how to ask over HTTP, for another type',
    KeptnMetricsProvider,
    { type: 'prometheus', http: {} },
    'http is for providers of type http alone',
  ],
  [
    'credentials from no Secret',
    KeptnMetricsProvider,
    { type: 'http', http: { auth: { type: 'bearer' } } },
    'secretKeyRef is required with http.auth: it names what to send',
  ],
  [
    'credentials in a header that has no name',
    KeptnMetricsProvider,
    { ...withSecret, http: { auth: { type: 'header' } } },
    'header is required when type is header',
  ],
  [
    'credentials in the place of a host',
    KeptnMetricsProvider,
    { ...withSecret, http: { auth: { type: 'header', header: 'Host' } } },
    'this header belongs to the connection and cannot be set',
  ],
  ...['Host', 'content-length', 'Transfer-Encoding'].map(
    (name) =>
      [
        `a header ${name}`,
        KeptnMetricsProvider,
        { type: 'http', http: { headers: [{ name, value: '1' }] } },
        'this header belongs to the connection and cannot be set',
      ] as const,
  ),
  [
    'credentials in plain sight',
    KeptnMetricsProvider,
    { type: 'http', http: { headers: [{ name: 'Authorization', value: 'Bearer x' }] } },
    'credentials belong into a Secret: use http.auth',
  ],
  [
    'a header within a header',
    KeptnMetricsProvider,
    { type: 'http', http: { headers: [{ name: 'X-A', value: 'a\r\nX-B: b' }] } },
    'spec.http.headers[0].value',
  ],
  [
    'a header whose name is none',
    KeptnMetricsProvider,
    { type: 'http', http: { headers: [{ name: 'X-A: b', value: 'a' }] } },
    'spec.http.headers[0].name',
  ],
  [
    'a body without POST',
    KeptnMetricsProvider,
    { type: 'http', http: { body: '{}' } },
    'body needs method POST',
  ],
  [
    'a path that is no path',
    KeptnMetricsProvider,
    { type: 'http', http: { path: 'http://elsewhere' } },
    'spec.http.path',
  ],
  [
    'a JSONPath that could make much of little',
    KeptnMetricsProvider,
    { type: 'http', http: { valuePath: '$..value' } },
    'spec.http.valuePath',
  ],
  [
    'fewer retries than none',
    KeptnTaskDefinition,
    { deno: {}, retries: -1 },
    'spec.retries in body should be greater than or equal to 0',
  ],
  [
    'a Job that is gone before it ends',
    KeptnTaskDefinition,
    { deno: {}, ttlSecondsAfterFinished: -1 },
    'spec.ttlSecondsAfterFinished in body should be greater than or equal to 0',
  ],
  [
    'a task with fewer retries than none',
    KeptnTask,
    { taskDefinition: 'a', retries: -1 },
    'spec.retries in body should be greater than or equal to 0',
  ],
  [
    'a timeout that is no duration',
    KeptnTask,
    { taskDefinition: 'a', timeout: 'soon' },
    'spec.timeout',
  ],
  ['an unknown kind of event names', KeptnConfig, { eventNames: 'mine' }, 'Unsupported value'],
  ['an analysis of no time', Analysis, analysis({}), oneSpan],
  [
    'an analysis of a span and of windows',
    Analysis,
    analysis({ timeframe: { recent: '5m' }, windows: [{ from, to }] }),
    oneSpan,
  ],
  ['an empty timeframe', Analysis, analysis({ timeframe: {} }), wholeFrame],
  ['half a timeframe', Analysis, analysis({ timeframe: { from } }), wholeFrame],
  ['no recent time at all', Analysis, analysis({ timeframe: { recent: '0s' } }), wholeFrame],
  [
    'a timeframe that is said twice',
    Analysis,
    analysis({ timeframe: { recent: '5m', to } }),
    oneFrame,
  ],
  [
    'a timeframe that ends where it begins',
    Analysis,
    analysis({ timeframe: { from, to: from } }),
    'spec.timeframe.to: Invalid value',
  ],
  [
    'a window that is turned around',
    Analysis,
    analysis({ windows: [{ from: to, to: from }] }),
    'set to to an instant after from',
  ],
  ['a backtest of no windows', Analysis, analysis({ windows: [] }), 'at least 1 items'],
  ['an operator that is none', AnalysisDefinition, definition({}), oneOperator],
  [
    'two operators',
    AnalysisDefinition,
    definition({ lessThan: { fixedValue: 1 }, greaterThan: { fixedValue: 2 } }),
    oneOperator,
  ],
  [
    'bounds the wrong way around',
    AnalysisDefinition,
    definition({ inRange: { lowBound: 2, highBound: '1500m' } }),
    bounds,
  ],
  [
    'bounds that are equal though written differently',
    AnalysisDefinition,
    definition({ notInRange: { lowBound: '1k', highBound: 1000 } }),
    bounds,
  ],
  [
    'a number with a fraction that is no text',
    AnalysisDefinition,
    definition({ lessThan: { fixedValue: 0.5 } }),
    'fixedValue',
  ],
  [
    'a number that is none',
    AnalysisDefinition,
    definition({ lessThan: { fixedValue: 'ten' } }),
    'fixedValue',
  ],
  [
    'a weight that is not counted to the last one any more',
    AnalysisDefinition,
    definition({ lessThan: { fixedValue: 1 } }, { weight: 1_000_000_001 }),
    'weight in body should be less than or equal to 1000000000',
  ],
  [
    'less than no weight',
    AnalysisDefinition,
    definition({ lessThan: { fixedValue: 1 } }, { weight: -1 }),
    'weight in body should be greater than or equal to 0',
  ],
  [
    'a warning that needs as much as a pass',
    AnalysisDefinition,
    { totalScore: { passPercentage: 75, warningPercentage: 75 } },
    'set warningPercentage to a number below passPercentage',
  ],
  [
    'more than all',
    AnalysisDefinition,
    { totalScore: { passPercentage: 101, warningPercentage: 75 } },
    'less than or equal to 100',
  ],
  [
    'a window that ends before it begins',
    KeptnConfig,
    { keptnAppCreationRequestTimeoutSeconds: -1 },
    'greater than or equal to 0',
  ],
  ...[
    { type: 'slack', url: 'https://example.com' },
    { type: 'webhook' },
    { type: 'webhook', url: 'https://example.com', urlSecretRef: { name: 'a', key: 'b' } },
  ].map(
    (receiver) =>
      [
        `somebody who is notified at ${JSON.stringify(receiver)}`,
        KeptnConfig,
        { notifications: [{ name: 'team', ...receiver }] },
        'needs `urlSecretRef`, since who knows the URL may post there; a `webhook` may have `url` instead',
      ] as const,
  ),
  [
    'a release that names a check',
    KeptnWorkloadVersion,
    { actions: [{ ...asked, type: 'release', check: 'load' }] },
    namesSkipped,
  ],
  [
    'a skip that names none',
    KeptnAppVersion,
    { actions: [{ ...asked, type: 'skip' }] },
    namesSkipped,
  ],
]

const metric = { provider: { name: 'a' }, query: 'b', fetchIntervalSeconds: 1 }
/** What else has to be in a spec. */
const needed = new Map<AnyResource, Json>([
  [KeptnMetric, metric],
  [KeptnMetricsProvider, { targetServer: 'http://a' }],
  [
    KeptnWorkloadVersion,
    {
      ...{ app: 'a', version: '1', workloadName: 'a-b' },
      resourceReference: { uid: 'c', kind: 'ReplicaSet', name: 'b' },
    },
  ],
  [KeptnAppVersion, { appName: 'a', version: '1' }],
])

describe('Refused in every version:', () => {
  test.each(refusedAtCreation)('%s', async (_what, type, spec, message) => {
    const whole = { ...needed.get(type), ...spec }
    for (const version of type.versions) {
      const refused = server.create(manifestOf(type, version, 'refused', { spec: whole }))
      await expect(refused).rejects.toThrow(message)
    }
  })

  const fixed: readonly (readonly [AnyResource, string, string])[] = [
    [KeptnWorkload, 'app', 'name the other app on the pods, and a workload of that app is made'],
    [
      KeptnWorkloadVersion,
      'app',
      'name the other app on the pods, and a workload of that app is made',
    ],
    [
      KeptnWorkloadVersion,
      'version',
      'name the other version on the pods, and a KeptnWorkloadVersion is made for it',
    ],
    [
      KeptnWorkloadVersion,
      'workloadName',
      'name the other workload on the pods, and a KeptnWorkloadVersion is made for it',
    ],
    [KeptnAppVersion, 'appName', 'write the other KeptnApp, and a KeptnAppVersion is made for it'],
    [
      KeptnAppVersion,
      'version',
      'change the version of the KeptnApp, and a KeptnAppVersion is made for it',
    ],
    [KeptnTask, 'taskDefinition', 'create another KeptnTask to run another definition'],
    [
      KeptnEvaluation,
      'evaluationDefinition',
      'create another KeptnEvaluation to run another definition',
    ],
  ]

  test.each(fixed.map((row) => [row[0].kind, ...row] as const))(
    '%s: what it is about is changed (%#)',
    async (_kind, type, field, message) => {
      const [sample] = samplesOf(type)
      const name = `about-${field.toLowerCase()}`
      await server.create(manifestOf(type, type.version, name, { spec: sample?.spec ?? {} }))
      for (const version of type.versions) {
        const stored = await server.get(type, version, name)
        const change = server.put({ ...stored, spec: { ...stored.spec, [field]: 'another' } })
        await expect(change).rejects.toThrow(
          new RegExp(`spec\\.${field}: Invalid value: .*cannot be changed: ${message}`),
        )
        expect((await server.get(type, version, name)).spec).toEqual(sample?.spec)
      }
    },
  )

  test('there is no rule without a case', () => {
    const tried = [...refusedAtCreation.map(([, , , text]) => text), ...fixed.map((row) => row[2])]
    const untried = resources
      .flatMap(({ kind, spec, status }) =>
        [spec, status].flatMap((part) => messagesOf(structural(part)).map((text) => [kind, text])),
      )
      .filter(
        ([, text]) => !tried.some((part) => text?.includes(part) || part.includes(text ?? '')),
      )
    expect(untried).toEqual([])
  })
})

const messagesOf = (schema: StructuralSchema): readonly string[] => {
  const rules = (schema['x-kubernetes-validations'] ?? []) as readonly { message: string }[]
  const children = Object.values(schema.properties ?? {})
  const inner = [schema.items, schema.additionalProperties].filter((child) => child !== undefined)
  return [...rules.map(({ message }) => message), ...[...children, ...inner].flatMap(messagesOf)]
}

describe('Taken:', () => {
  test('what the engine can tell about in a condition', async () => {
    await server.create(
      manifestOf(KeptnTaskDefinition, 'v1', 'empty-code', {
        spec: { deno: { inline: { code: '' } } },
      }),
    )
    await server.create(
      manifestOf(KeptnTaskDefinition, 'v1alpha3', 'no-code', { spec: { function: {} } }),
    )
    await server.create({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnEvaluationDefinition',
      metadata: { name: 'no-retries' },
      // As Keptn did: one attempt at least is made.
      spec: {
        objectives: [{ keptnMetricRef: { name: 'a' }, evaluationTarget: ' 10 .. 20 ' }],
        retries: -1,
      },
    })
  })

  test('an app that has a workload at two versions, as it is when two owners want one each', async () => {
    const workloads = ['1', '2'].map((version) => ({ name: 'cart', version }))
    await server.create({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnApp',
      metadata: { name: 'rivals' },
      spec: { version: 'a', workloads },
    })
  })

  test('a source of each type, and one that says all of how to ask', async () => {
    const provider = (name: string, spec: Json) =>
      server.create(
        manifestOf(KeptnMetricsProvider, 'v1', name, {
          spec: { targetServer: 'http://a', ...spec },
        }),
      )
    for (const type of [
      'prometheus',
      'thanos',
      'cortex',
      'dynatrace',
      'dql',
      'datadog',
      'elastic',
    ]) {
      await provider(type, { type })
    }
    await provider('http-least', { type: 'http', http: {} })
    const stored = await provider('http-most', {
      ...withSecret,
      http: {
        method: 'POST',
        path: '/v2/query?team=shop&q={{query}}',
        headers: [{ name: 'X-Source', value: 'gatekept {{from}}' }],
        body: '{"q":"{{query}}"}',
        auth: { type: 'header', header: 'X-Api-Key' },
        valuePath: "$.a['b c'][-1][*].*[?@.name=='up'].value",
      },
    })
    expect(stored.spec).toMatchObject({ insecureSkipTlsVerify: false, http: { method: 'POST' } })
  })

  test('a large app', async () => {
    const workloads = Array.from({ length: 2000 }, (_, index) => ({
      name: `workload-${String(index)}`,
      version: '1',
    }))
    await server.create({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnApp',
      metadata: { name: 'large' },
      spec: { version: '1', workloads },
    })
  })

  test.each(Object.keys(lawless))(
    'writes to an object from before a rule that it breaks (%s)',
    async (name) => {
      for (const version of KeptnTaskDefinition.versions) {
        const stored = await server.get(KeptnTaskDefinition, version, name)
        const labelled = { ...stored.metadata, labels: { seen: version } }
        const written = await server.put({ ...stored, metadata: labelled })
        expect(written.metadata['labels']).toEqual({ seen: version })
        const status = { function: { configMap: `told-in-${version}` } }
        expect((await server.putStatus({ ...written, status })).status).toEqual(status)
      }
      const stored = await server.get(KeptnTaskDefinition, 'v1', name)
      const mended = await server.put({ ...stored, spec: { python: {} } })
      expect(mended.spec).toMatchObject({ python: {}, retries: 10 })
    },
  )
})
