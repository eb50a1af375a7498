import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse, stringify } from 'yaml'
import { crdOf } from '../../../api/crd.ts'
import { KeptnAppVersion, KeptnTaskDefinition, resources } from '../../../api/index.ts'
import type { AnyResource } from '../../../api/resource.ts'
import { samplesOf, type Json } from './sample.ts'
import { crds } from '../../kinds.ts'
import { applyCrds, manifestOf, startServer, type Manifest, type Server } from './server.ts'

let server: Server

const kubectl = (args: readonly string[], input?: string) => server.cluster.kubectl(args, input)

beforeAll(async () => {
  server = await startServer('api-crd')
  // As Keptn leaves it: converted by a webhook that nobody answers any more.
  const old = crdOf(KeptnAppVersion)
  const webhook = {
    clientConfig: { service: { namespace: 'keptn-system', name: 'gone', path: '/convert' } },
    conversionReviewVersions: ['v1'],
  }
  await kubectl(
    ['create', '-f', '-'],
    stringify({ ...old, spec: { ...old.spec, conversion: { strategy: 'Webhook', webhook } } }),
  )
  // Not server-side: there `null` does not take away what another manager has set.
  await applyCrds(server.cluster)
}, 300_000)

afterAll(() => server.close())

test('every CRD is accepted as structural, without conversion', async () => {
  const { items } = parse(await kubectl(['get', 'crd', '--output=json'])) as {
    items: {
      spec: { conversion: Json }
      status: { conditions: { type: string; status: string }[] }
    }[]
  }
  expect(items).toHaveLength(resources.length)
  for (const { spec, status } of items) {
    expect(spec.conversion).toEqual({ strategy: 'None' })
    expect(status.conditions.filter((condition) => condition.status === 'True')).toEqual([
      expect.objectContaining({ type: 'NamesAccepted' }),
      expect.objectContaining({ type: 'Established' }),
    ])
  }
})

test('every CRD can be applied server-side too', async () => {
  await kubectl(['apply', '--server-side', '--force-conflicts', `--filename=${crds}`])
})

/** The versions that Keptn served, the stored one first, and the short name. */
const served: Readonly<Record<string, readonly [versions: string, shortName?: string]>> = {
  KeptnApp: ['v1, v1beta1, v1alpha3'],
  KeptnAppVersion: ['v1, v1beta1, v1alpha3', 'kav'],
  KeptnAppContext: ['v1, v1beta1'],
  KeptnAppCreationRequest: ['v1, v1beta1, v1alpha3'],
  KeptnWorkload: ['v1, v1beta1, v1alpha3'],
  KeptnWorkloadVersion: ['v1, v1beta1, v1alpha4', 'kwv'],
  KeptnTask: ['v1, v1beta1, v1alpha3'],
  KeptnTaskDefinition: ['v1, v1beta1, v1alpha3'],
  KeptnEvaluation: ['v1, v1beta1, v1alpha3', 'ke'],
  KeptnEvaluationDefinition: ['v1, v1beta1, v1alpha3', 'ked'],
  KeptnWorkloadInstance: ['v1alpha3', 'kwi'],
  KeptnEvaluationProvider: ['v1alpha3', 'kep'],
  KeptnConfig: ['v1alpha1'],
  KeptnMetric: ['v1, v1beta1, v1alpha3'],
  KeptnMetricsProvider: ['v1, v1beta1, v1alpha3', 'kmp'],
  AnalysisValueTemplate: ['v1, v1beta1, v1alpha3'],
  AnalysisDefinition: ['v1, v1beta1, v1alpha3'],
  Analysis: ['v1, v1beta1, v1alpha3'],
}

/** What the API server lists as served: the name of each group's version, and its kinds. */
const discovered = async (group: string) => {
  const list = parse(await kubectl(['get', '--raw', `/apis/${group}`])) as {
    versions: { version: string }[]
  }
  const kinds = list.versions.map(async ({ version }) => {
    const path = `/apis/${group}/${version}`
    const { resources } = parse(await kubectl(['get', '--raw', path])) as {
      resources: { kind: string; name: string; shortNames?: string[] }[]
    }
    return resources
      .filter(({ name }) => !name.includes('/'))
      .map(({ kind, shortNames = [] }) => ({ kind, version, shortNames }))
  })
  return (await Promise.all(kinds)).flat()
}

test('each kind is served in the versions and under the short name that Keptn had, and in no other', async () => {
  const groups = [...new Set(resources.map(({ group }) => group))]
  const seen = (await Promise.all(groups.map(discovered))).flat()
  for (const type of resources) {
    const found = seen.filter(({ kind }) => kind === type.kind)
    const versions = found.map(({ version }) => version).sort()
    expect([type.kind, ...versions]).toEqual([type.kind, ...[...type.versions].sort()])
    for (const { shortNames } of found) expect(shortNames).toEqual(type.shortNames)
  }
  for (const [kind, [versions, ...shortNames]] of Object.entries(served)) {
    const type = resources.find((resource) => resource.kind === kind)
    expect(type).toMatchObject({ versions: versions.split(', '), shortNames })
    expect(type?.version).toBe(type?.versions[0])
  }
})

/** Columns by kind, as kubectl shows them; those behind the bar with `-o wide` only. */
const columns: Readonly<Record<string, string>> = {
  Analysis: 'AnalysisDefinition, State, Warning, Pass, Windows | ',
  AnalysisDefinition: 'Age | ',
  AnalysisValueTemplate: 'Provider | ',
  KeptnApp: 'Age | Version, Revision, CurrentVersion',
  KeptnAppVersion:
    'AppName, Version, Phase | PreDeploymentStatus, PreDeploymentEvaluationStatus, WorkloadOverallStatus, PostDeploymentStatus, PostDeploymentEvaluationStatus, PromotionStatus, Status',
  KeptnAppContext: 'Age | ',
  KeptnAppCreationRequest: 'Age | ',
  KeptnWorkload: 'AppName, Version | ',
  KeptnWorkloadVersion:
    'AppName, WorkloadName, WorkloadVersion, Phase | PreDeploymentStatus, PreDeploymentEvaluationStatus, DeploymentStatus, PostDeploymentStatus, PostDeploymentEvaluationStatus, Status',
  KeptnTask: 'AppName, AppVersion, WorkloadName, WorkloadVersion, Job Name, Status | ',
  KeptnTaskDefinition: 'Age | Stalled',
  KeptnEvaluation:
    'AppName, AppVersion, WorkloadName, WorkloadVersion, RetryCount, EvaluationStatus, OverallStatus | ',
  KeptnEvaluationDefinition: 'Age | ',
  KeptnWorkloadInstance:
    'AppName, WorkloadName, WorkloadVersion, Phase | PreDeploymentStatus, PreDeploymentEvaluationStatus, DeploymentStatus, PostDeploymentStatus, PostDeploymentEvaluationStatus',
  KeptnEvaluationProvider: 'Age | ',
  KeptnConfig: 'Age | Status',
  KeptnMetric: 'Provider, Query, Interval, Value, Step, Aggregation | ',
  KeptnMetricsProvider: 'Age | ',
}

/** What a sample has where it is of a type of condition, in a column that looks for one of that type. */
const withCondition = (type: AnyResource, status: unknown): unknown =>
  type === KeptnTaskDefinition
    ? JSON.parse(JSON.stringify(status).replace('"some type"', '"Stalled"'))
    : status

test.each(resources.map((type: AnyResource) => [type.kind, type] as const))(
  'kubectl shows the columns of a %s, each with what it is about',
  async (kind, type) => {
    const [sample] = samplesOf(type)
    await server.create(manifestOf(type, type.version, 'listed', { spec: sample?.spec ?? {} }))
    const made = await server.get(type, type.version, 'listed')
    await server.putStatus({ ...made, status: withCondition(type, sample?.status) })
    for (const version of type.versions) {
      const { columnDefinitions, rows } = await server.table(type, version, 'listed')
      const named = (wide: boolean) =>
        columnDefinitions
          .slice(1)
          .filter(({ priority }) => priority > 0 === wide)
          .map(({ name }) => name)
          .join(', ')
      expect(`${named(false)} | ${named(true)}`).toBe(columns[kind])
      expect(rows[0]?.cells.filter((cell) => cell === '' || cell === null)).toEqual([])
    }
  },
)

test('kubectl lists a task with what it is for', async () => {
  const context = {
    ...{ appName: 'shop', appVersion: '2' },
    ...{ workloadName: 'shop-cart', workloadVersion: '3' },
  }
  await server.create({
    apiVersion: 'lifecycle.keptn.sh/v1beta1',
    kind: 'KeptnTask',
    metadata: { name: 'cart' },
    spec: { taskDefinition: 'a', context },
  })
  const [header, row] = (await kubectl(['get', 'keptntask', 'cart'])).split('\n')
  expect(header?.split(/\s{2,}/).slice(0, 5)).toEqual([
    ...['NAME', 'APPNAME', 'APPVERSION', 'WORKLOADNAME', 'WORKLOADVERSION'],
  ])
  expect(row?.split(/\s+/).slice(0, 5)).toEqual(['cart', 'shop', '2', 'shop-cart', '3'])
})

test('a first status has its defaults when read, and may say null for a time', async () => {
  const made = await server.create(
    manifestOf(KeptnAppVersion, 'v1', 'nulls', { spec: { appName: 'a', version: '1' } }),
  )
  // Keptn's way: the whole object, so that nulls arrive as such and aren't taken for a deletion.
  await server.putStatus({
    ...made,
    status: { startTime: null, endTime: null, currentPhase: 'AppDeploy' },
  })
  const { status } = await server.get(KeptnAppVersion, 'v1', 'nulls')
  expect(status).toMatchObject({ status: 'Pending', preDeploymentStatus: 'Pending' })
  expect(status).not.toHaveProperty('startTime')
})

test("a task's container is kept as it was written", async () => {
  const container = {
    name: 'check',
    image: 'busybox',
    env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    resources: { limits: { cpu: 1 } },
    somethingNew: { deeply: ['nested'] },
  }
  await server.create(
    manifestOf(KeptnTaskDefinition, 'v1beta1', 'container', { spec: { container } }),
  )
  const { spec } = await server.get(KeptnTaskDefinition, 'v1', 'container')
  expect(spec).toMatchObject({ container })
})

describe('What the guides show', () => {
  test.each([
    [
      'an evaluation definition',
      `
      apiVersion: lifecycle.keptn.sh/v1alpha3
      kind: KeptnEvaluationDefinition
      metadata: { name: evaluate-dependencies }
      spec:
        objectives:
          - keptnMetricRef: { name: available-cpus, namespace: simplenode-dev }
            evaluationTarget: ">4"`,
    ],
    [
      'a task definition',
      `
      apiVersion: lifecycle.keptn.sh/v1alpha3
      kind: KeptnTaskDefinition
      metadata: { name: notify }
      spec:
        function:
          inline:
            code: |
              console.log('deployed')
          secureParameters: { secret: slack-notification }`,
    ],
  ])('for %s is read back through v1 with nothing lost', async (_what, text) => {
    const object = parse(text) as Manifest
    await server.create(object)
    const stored = await kubectl([
      ...['get', `${object.kind.toLowerCase()}s.v1.lifecycle.keptn.sh`, object.metadata.name],
      '--output=json',
    ])
    expect((parse(stored) as Manifest).spec).toMatchObject(object.spec ?? {})
  })
})
