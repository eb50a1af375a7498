import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { crdOf, structural } from '../../../api/crd.ts'
import { KeptnAppVersion, KeptnTask, KeptnTaskDefinition, resources } from '../../../api/index.ts'
import type { AnyResource } from '../../../api/resource.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { sampleOf } from './sample.ts'

type Json = Readonly<Record<string, unknown>>
interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec?: Json
  readonly status?: unknown
}

let cluster: Cluster
const crds = `--filename=${join(import.meta.dirname, '../../../manifests/crds')}`

const create = (...objects: readonly Manifest[]) =>
  cluster.kubectl(['create', '-f', '-'], objects.map((object) => stringify(object)).join('---\n'))

const nameOf = (type: AnyResource, version: string) => `${type.plural}.${version}.${type.group}`

const read = async (type: AnyResource, version: string, name: string) =>
  parse(await cluster.kubectl(['get', nameOf(type, version), name, '--output=json'])) as Manifest

/** What `keeps every field` wrote, seen in one version. */
const readAll = async (type: AnyResource, version: string) => {
  const names = type.versions.join()
  const args = ['get', nameOf(type, version), `--selector=written in (${names})`, '--output=json']
  return (parse(await cluster.kubectl(args)) as { items: readonly Manifest[] }).items
}

const setStatus = (type: AnyResource, version: string, name: string, status: unknown) => {
  const patch = JSON.stringify({ status })
  return cluster.kubectl([
    ...['patch', nameOf(type, version), name, '--subresource=status', '--type=merge'],
    `--patch=${patch}`,
  ])
}

const manifest = (type: AnyResource, version: string, name: string, spec?: Json): Manifest => ({
  apiVersion: `${type.group}/${version}`,
  kind: type.kind,
  metadata: { name },
  ...(spec && { spec }),
})

/** Every field that may stand together: of the runners of a task, one. */
const fullSpec = (type: AnyResource, runner = 'deno'): Json => {
  const spec = Object.entries(sampleOf(structural(type.spec), 'spec') as Json)
  const others = ['deno', 'python', 'container', 'function'].filter((name) => name !== runner)
  return Object.fromEntries(spec.filter(([name]) => !others.includes(name)))
}

beforeAll(async () => {
  cluster = await startCluster({ name: 'api-crd', node: false, network: 'own' })
  // As Keptn leaves it: converted by a webhook that nobody answers any more.
  const old = crdOf(KeptnAppVersion)
  const webhook = {
    clientConfig: { service: { namespace: 'keptn-system', name: 'gone', path: '/convert' } },
    conversionReviewVersions: ['v1'],
  }
  await cluster.kubectl(
    ['create', '-f', '-'],
    stringify({ ...old, spec: { ...old.spec, conversion: { strategy: 'Webhook', webhook } } }),
  )
  // Not server-side: there `null` does not take away what another manager has set.
  await cluster.kubectl(['apply', crds])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
})

afterAll(() => cluster.down())

test('every CRD is accepted as structural, without conversion', async () => {
  const { items } = parse(await cluster.kubectl(['get', 'crd', '--output=json'])) as {
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
  await cluster.kubectl(['apply', '--server-side', '--force-conflicts', crds])
})

test('what the guides show is read back through v1 with nothing lost', async () => {
  const evaluation = parse(`
    apiVersion: lifecycle.keptn.sh/v1alpha3
    kind: KeptnEvaluationDefinition
    metadata: { name: evaluate-dependencies }
    spec:
      objectives:
        - keptnMetricRef: { name: available-cpus, namespace: simplenode-dev }
          evaluationTarget: ">4"`) as Manifest
  const task = parse(`
    apiVersion: lifecycle.keptn.sh/v1alpha3
    kind: KeptnTaskDefinition
    metadata: { name: notify }
    spec:
      function:
        inline:
          code: |
            console.log('deployed')
        secureParameters: { secret: slack-notification }`) as Manifest
  await create(evaluation, task)
  const find = (kind: string) => resources.find((type) => type.kind === kind) ?? KeptnTaskDefinition
  for (const object of [evaluation, task]) {
    const stored = await read(find(object.kind), 'v1', object.metadata.name)
    expect(stored.spec).toMatchObject(object.spec ?? {})
  }
})

describe.each(resources.map((type) => [type.kind, type as AnyResource] as const))(
  '%s',
  (_kind, type) => {
    test('keeps every field, whichever versions it is written and read in', async () => {
      const spec = fullSpec(type)
      const status = sampleOf(structural(type.status), 'status')
      await create(
        ...type.versions.map((version) => ({
          ...manifest(type, version, version, spec),
          metadata: { name: version, labels: { written: version } },
        })),
      )
      await Promise.all(type.versions.map((name) => setStatus(type, name, name, status)))
      const lists = await Promise.all(type.versions.map((version) => readAll(type, version)))
      const seen = lists.flat().map(({ spec, status }) => ({ spec, status }))
      expect(seen).toHaveLength(type.versions.length ** 2)
      expect(seen[0]).toMatchObject({ spec, status })
      for (const other of seen) expect(other).toEqual(seen[0])
    })

    test('is not served in versions that are only remembered', async () => {
      for (const version of type.unserved) {
        await expect(cluster.kubectl(['get', nameOf(type, version)])).rejects.toThrow(
          "doesn't have a resource type",
        )
      }
    })
  },
)

test.each([
  [
    'KeptnConfig',
    undefined,
    {
      blockDeployment: true,
      discoveryQuietSeconds: 5,
      eventNames: 'seeds',
      observabilityTimeout: '5m',
    },
  ],
  [
    'KeptnTaskDefinition',
    { deno: {} },
    { retries: 10, timeout: '5m', ttlSecondsAfterFinished: 300 },
  ],
  ['KeptnTask', { taskDefinition: 'a' }, { retries: 10, timeout: '5m' }],
  ['KeptnEvaluationDefinition', { objectives: [] }, { retries: 10, retryInterval: '5s' }],
  [
    'KeptnEvaluation',
    { evaluationDefinition: 'a', workloadVersion: '' },
    { retries: 10, retryInterval: '5s' },
  ],
  ['KeptnApp', { version: '1' }, { revision: 1 }],
  [
    'KeptnMetric',
    { provider: { name: 'a' }, query: 'b', fetchIntervalSeconds: 1, range: {} },
    { range: { interval: '5m' } },
  ],
  ['KeptnMetricsProvider', { targetServer: 'a' }, { insecureSkipTlsVerify: false }],
])('a %s that leaves fields out has their defaults when read', async (kind, spec, expected) => {
  const type = resources.find((resource) => resource.kind === kind) ?? KeptnTaskDefinition
  await create(manifest(type, type.version, 'minimal', spec))
  expect((await read(type, type.version, 'minimal')).spec).toMatchObject(expected)
})

test('a first status has its defaults when read, and may say null for a time', async () => {
  await create(manifest(KeptnAppVersion, 'v1', 'nulls', { appName: 'a', version: '1' }))
  await setStatusInFull('nulls', { startTime: null, endTime: null, currentPhase: 'AppDeploy' })
  const { status } = await read(KeptnAppVersion, 'v1', 'nulls')
  expect(status).toMatchObject({ status: 'Pending', preDeploymentStatus: 'Pending' })
  expect(status).not.toHaveProperty('startTime')
})

/** Keptn's way: the whole object, so that nulls arrive as such and aren't taken for a deletion. */
const setStatusInFull = async (name: string, status: Json) => {
  const object = await read(KeptnAppVersion, 'v1', name)
  const path = `/apis/lifecycle.keptn.sh/v1/namespaces/default/keptnappversions/${name}/status`
  await cluster.kubectl(
    ['replace', `--raw=${path}`, '--filename=-'],
    JSON.stringify({ ...object, status }),
  )
}

test.each(['deno', 'python', 'function'])('a task for %s keeps every field', async (runner) => {
  const spec = fullSpec(KeptnTaskDefinition, runner)
  expect(spec).toHaveProperty(runner)
  await create(manifest(KeptnTaskDefinition, 'v1alpha3', runner, spec))
  expect((await read(KeptnTaskDefinition, 'v1', runner)).spec).toEqual(spec)
})

test('kubectl lists a task with what it is for', async () => {
  const context = { appName: 'shop', appVersion: '2', workloadName: 'shop-cart' }
  await create(manifest(KeptnTask, 'v1', 'listed', { taskDefinition: 'a', context }))
  const [header, row] = (await cluster.kubectl(['get', 'keptntask', 'listed'])).split('\n')
  expect(header?.split(/\s{2,}/).slice(0, 4)).toEqual([
    'NAME',
    'APPNAME',
    'APPVERSION',
    'WORKLOADNAME',
  ])
  expect(row?.split(/\s+/).slice(0, 4)).toEqual(['listed', 'shop', '2', 'shop-cart'])
})

test("a task's container is kept as it was written", async () => {
  const container = {
    name: 'check',
    image: 'busybox',
    env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    resources: { limits: { cpu: 1 } },
    somethingNew: { deeply: ['nested'] },
  }
  await create(manifest(KeptnTaskDefinition, 'v1beta1', 'container', { container }))
  expect((await read(KeptnTaskDefinition, 'v1', 'container')).spec).toMatchObject({ container })
})

describe('Refused', () => {
  const none = 'Forbidden! Either Container, Python, or Deno field must be defined'
  const several = 'Forbidden! Only one of Container, Python, or Deno field can be defined'
  const metric = { provider: { name: 'a' }, query: 'b', fetchIntervalSeconds: 1 }

  test.each([
    ['a task that runs nothing', 'KeptnTaskDefinition', {}, none],
    ['two runtimes', 'KeptnTaskDefinition', { deno: {}, python: {} }, several],
    ['a runtime under both its names', 'KeptnTaskDefinition', { deno: {}, function: {} }, several],
    [
      'a container beside a script',
      'KeptnTaskDefinition',
      { container: { name: 'a' }, function: {} },
      several,
    ],
    [
      'a step without an aggregation',
      'KeptnMetric',
      { ...metric, range: { step: '1m' } },
      'aggregation is required',
    ],
    [
      'an aggregation without a step',
      'KeptnMetric',
      { ...metric, range: { aggregation: 'max' } },
      'step is required',
    ],
    [
      'an interval that is no duration',
      'KeptnMetric',
      { ...metric, range: { interval: '5mins' } },
      'spec.range.interval',
    ],
    [
      'more stored results than fit',
      'KeptnMetric',
      { ...metric, range: { storedResults: 256 } },
      '255',
    ],
    ['an unknown kind of event names', 'KeptnConfig', { eventNames: 'mine' }, 'Unsupported value'],
  ])('%s', async (_what, kind, spec, message) => {
    const type = resources.find((resource) => resource.kind === kind) ?? KeptnTaskDefinition
    await Promise.all(
      type.versions.map((version) =>
        expect(create(manifest(type, version, 'refused', spec))).rejects.toThrow(message),
      ),
    )
  })

  test('nothing that the engine can tell about in a condition', async () => {
    await create(
      manifest(KeptnTaskDefinition, 'v1', 'empty-code', { deno: { inline: { code: '' } } }),
      manifest(KeptnTaskDefinition, 'v1alpha3', 'no-code', { function: {} }),
      {
        apiVersion: 'lifecycle.keptn.sh/v1',
        kind: 'KeptnEvaluationDefinition',
        metadata: { name: 'odd-target' },
        spec: { objectives: [{ keptnMetricRef: { name: 'a' }, evaluationTarget: 'about 5' }] },
      },
    )
  })
})
