import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { structural } from '../../../api/crd.ts'
import { resources } from '../../../api/index.ts'
import type { AnyResource } from '../../../api/resource.ts'
import { samplesOf, withText, type Json, type Sample } from './sample.ts'
import { applyCrds, manifestOf, startServer, type Manifest, type Server } from './server.ts'

let server: Server

beforeAll(async () => {
  server = await startServer('api-versions')
  await applyCrds(server.cluster)
}, 300_000)

afterAll(() => server.close())

const contentOf = ({ spec, status }: Manifest) => ({ spec, status })

/** The sample as it is after one change of its spec and one of its status. */
const changed = (type: AnyResource, before: Pick<Manifest, 'spec' | 'status'>, text: string) => ({
  spec: withText(structural(type.spec), before.spec, text) as Json,
  status: withText(structural(type.status), before.status, text),
})

const cases = resources.flatMap((type: AnyResource) =>
  samplesOf(type).flatMap((sample) =>
    type.versions.map((version) => [type.kind, sample.variant, version, { type, sample }] as const),
  ),
)

const create = async (
  type: AnyResource,
  version: string,
  { variant, spec, status }: Sample,
): Promise<string> => {
  const name = `${variant}-${version}`
  await server.create(manifestOf(type, version, name, { spec }))
  const made = await server.get(type, version, name)
  await server.putStatus({ ...made, status })
  return name
}

// What is read, written back as it is and changed through any version is the same in all: nothing lost, nothing invented.
test.each(cases)('a %s (%s) that is written in %s keeps every field', async (...row) => {
  const [, , version, { type, sample }] = row
  const name = await create(type, version, sample)
  let expected: Pick<Manifest, 'spec' | 'status'> = { spec: sample.spec, status: sample.status }
  for (const other of type.versions) {
    const read = await server.get(type, other, name)
    expect(contentOf(read)).toEqual(expected)
    expect(contentOf(await server.put(read))).toEqual(expected)
    const same = await server.putStatus(await server.get(type, other, name))
    expect(contentOf(same)).toEqual(expected)
    expect(same.metadata['generation']).toBe(read.metadata['generation'])

    const next = changed(type, expected, `changed in ${other}`)
    expect(next).not.toEqual(expected)
    expect(next.status).toBeDefined()
    await server.put({ ...same, spec: next.spec })
    await server.putStatus({ ...(await server.get(type, other, name)), status: next.status })
    expected = next
    expect(contentOf(await server.get(type, version, name))).toEqual(expected)
  }
})

/** What an object is that says as little as its kind allows, apart from what it says. */
const minimal: Readonly<Record<string, readonly [spec: Json | undefined, defaults: Json]>> = {
  Analysis: [{ timeframe: { recent: '5m' }, analysisDefinition: { name: 'a' } }, { retries: 5 }],
  AnalysisDefinition: [{ totalScore: { passPercentage: 1, warningPercentage: 0 } }, {}],
  AnalysisValueTemplate: [{ provider: { name: 'a' }, query: '' }, {}],
  KeptnApp: [{ version: '1' }, { revision: 1 }],
  KeptnAppContext: [undefined, {}],
  KeptnAppCreationRequest: [{ appName: 'a' }, {}],
  KeptnAppVersion: [{ appName: 'a', version: '1' }, { revision: 1 }],
  KeptnConfig: [
    undefined,
    {
      blockDeployment: true,
      discoveryQuietSeconds: 5,
      eventNames: 'seeds',
      keptnAppCreationRequestTimeoutSeconds: 30,
      observabilityTimeout: '5m',
      restApiEnabled: false,
      versionHistoryLimit: 10,
    },
  ],
  KeptnEvaluation: [
    { evaluationDefinition: 'a', workloadVersion: '' },
    { retries: 10, retryInterval: '5s' },
  ],
  KeptnEvaluationDefinition: [{ objectives: [] }, { retries: 10, retryInterval: '5s' }],
  KeptnEvaluationProvider: [{ targetServer: 'a' }, {}],
  KeptnMetric: [
    { provider: { name: 'a' }, query: 'b', fetchIntervalSeconds: 1, range: {} },
    { range: { interval: '5m' } },
  ],
  KeptnMetricsProvider: [{ targetServer: 'a' }, { insecureSkipTlsVerify: false }],
  KeptnTask: [{ taskDefinition: 'a' }, { retries: 10, timeout: '5m' }],
  KeptnTaskDefinition: [{ deno: {} }, { retries: 10, timeout: '5m', ttlSecondsAfterFinished: 300 }],
  KeptnWorkload: [
    { app: 'a', version: '1', resourceReference: { uid: 'b', kind: 'ReplicaSet', name: 'c' } },
    {},
  ],
  KeptnWorkloadInstance: [
    {
      ...{ app: 'a', version: '1', workloadName: 'a-w' },
      resourceReference: { uid: 'b', kind: 'ReplicaSet', name: 'c' },
    },
    {},
  ],
  KeptnWorkloadVersion: [
    {
      ...{ app: 'a', version: '1', workloadName: 'a-w' },
      resourceReference: { uid: 'b', kind: 'ReplicaSet', name: 'c' },
    },
    {},
  ],
}

test.each(resources.map((type: AnyResource) => [type.kind, type] as const))(
  'a %s that leaves fields out has their defaults in every version, and nothing else',
  async (kind, type) => {
    const [spec, defaults] = minimal[kind] ?? [undefined, {}]
    for (const version of type.versions) {
      const name = `minimal-${version}`
      await server.create(manifestOf(type, version, name, spec && { spec }))
      for (const other of type.versions) {
        expect((await server.get(type, other, name)).spec).toEqual({ ...spec, ...defaults })
      }
    }
  },
)

const state = { status: 'Pending' }
const item = { definitionName: 'notify', name: 'pre-notify-1234', ...state, startTime: null }

/** What Keptn itself wrote, in the versions that it wrote it in. */
const written: readonly (readonly [what: string, object: Omit<Manifest, 'metadata'>])[] = [
  [
    'an app that lists its checks',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnApp',
      spec: {
        version: '0.1.3',
        revision: 1,
        workloads: [{ name: 'left-arm', version: '0.2.7' }],
        preDeploymentTasks: ['wait-for-prometheus'],
        postDeploymentTasks: ['post-notify'],
        preDeploymentEvaluations: ['prepare-for-surge'],
        postDeploymentEvaluations: [],
      },
      status: { currentVersion: '0.1.3' },
    },
  ],
  [
    'an app of the time after',
    {
      apiVersion: 'lifecycle.keptn.sh/v1beta1',
      kind: 'KeptnApp',
      spec: { version: '0.1.3', workloads: [{ name: 'left-arm', version: '0.2.7' }] },
    },
  ],
  [
    'the context of an app',
    {
      apiVersion: 'lifecycle.keptn.sh/v1beta1',
      kind: 'KeptnAppContext',
      spec: {
        preDeploymentTasks: ['wait-for-prometheus'],
        promotionTasks: ['promote'],
        metadata: { commitID: 'c0ffee' },
        spanLinks: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
      },
    },
  ],
  [
    'a request for an app',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnAppCreationRequest',
      spec: { appName: 'podtato-head' },
    },
  ],
  [
    'an app version under way',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnAppVersion',
      spec: {
        appName: 'podtato-head',
        version: '0.1.3',
        revision: 1,
        previousVersion: '',
        traceId: {},
        workloads: [{ name: 'left-arm', version: '0.2.7' }],
      },
      status: {
        currentPhase: 'AppPreDeployTasks',
        preDeploymentStatus: 'Progressing',
        preDeploymentTaskStatus: [item],
        workloadStatus: [{ workload: { name: 'left-arm', version: '0.2.7' }, ...state }],
        phaseTraceIDs: { AppPreDeployTasks: { traceparent: '00-0af7-b7ad-01' } },
        startTime: '2024-01-02T03:04:05Z',
        endTime: null,
      },
    },
  ],
  [
    'a workload',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnWorkload',
      spec: {
        app: 'podtato-head',
        version: '0.2.7',
        resourceReference: { uid: 'd8b1', kind: 'ReplicaSet', name: 'left-arm-5d9' },
        postDeploymentTasks: ['post-notify'],
      },
    },
  ],
  [
    'a workload version, in the one version that only it has',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha4',
      kind: 'KeptnWorkloadVersion',
      spec: {
        app: 'podtato-head',
        version: '0.2.7',
        workloadName: 'podtato-head-left-arm',
        previousVersion: '',
        resourceReference: { uid: 'd8b1', kind: 'ReplicaSet', name: 'left-arm-5d9' },
        traceId: { traceparent: '00-0af7-b7ad-01' },
      },
      status: { currentPhase: 'WorkloadDeploy', deploymentStatus: 'Cancelled', endTime: null },
    },
  ],
  [
    'a workload version of the time after',
    {
      apiVersion: 'lifecycle.keptn.sh/v1beta1',
      kind: 'KeptnWorkloadVersion',
      spec: {
        app: 'podtato-head',
        version: '0.2.7',
        workloadName: 'podtato-head-left-arm',
        resourceReference: { uid: 'd8b1', kind: 'ReplicaSet', name: 'left-arm-5d9' },
        metadata: { stage: 'dev' },
      },
      status: { appContextMetadata: { commitID: 'c0ffee' }, deploymentStartTime: null },
    },
  ],
  [
    'a script under its old name',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnTaskDefinition',
      spec: {
        function: {
          functionRef: { name: 'slack' },
          parameters: { map: { text: 'deployed' } },
          secureParameters: { secret: 'slack-token' },
        },
        retries: 2,
        timeout: '5m0s',
      },
      status: { function: { configMap: 'keptnfn-slack' } },
    },
  ],
  [
    'a script that is fetched',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnTaskDefinition',
      spec: { python: { httpRef: { url: 'https://example.com/a.py' }, cmdParameters: '-i a' } },
    },
  ],
  [
    'a script in a ConfigMap',
    {
      apiVersion: 'lifecycle.keptn.sh/v1beta1',
      kind: 'KeptnTaskDefinition',
      spec: {
        deno: { configMapRef: { name: 'code' } },
        serviceAccount: { name: 'runner' },
        automountServiceAccountToken: { type: false },
        imagePullSecrets: [{ name: 'registry' }],
        ttlSecondsAfterFinished: 0,
      },
    },
  ],
  [
    'a container',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnTaskDefinition',
      spec: {
        container: {
          name: 'testy',
          image: 'busybox:1.36.0',
          command: ['sleep', '30'],
          resources: { limits: { memory: '64Mi', cpu: 1 } },
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
      },
    },
  ],
  [
    'a task that ran',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnTask',
      spec: {
        taskDefinition: 'notify',
        checkType: 'pre',
        context: {
          appName: 'podtato-head',
          appVersion: '0.1.3',
          objectType: 'App',
          taskType: 'pre',
          workloadName: '',
          workloadVersion: '',
        },
        parameters: {},
        secureParameters: {},
        retries: 10,
        timeout: '5m0s',
      },
      status: { jobName: 'pre-notify-1', reason: 'BackoffLimitExceeded', status: 'Failed' },
    },
  ],
  [
    'objectives without tries',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnEvaluationDefinition',
      spec: {
        objectives: [
          { keptnMetricRef: { name: 'cpus', namespace: 'simplenode-dev' }, evaluationTarget: '>4' },
        ],
      },
    },
  ],
  [
    'an evaluation with an action on failure',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnEvaluation',
      spec: {
        workload: 'podtato-head-left-arm',
        workloadVersion: '0.2.7',
        evaluationDefinition: 'evaluate',
        checkType: 'pre-eval',
        failAction: '',
        retryInterval: '5s',
      },
      status: {
        retryCount: 3,
        evaluationStatus: { cpus: { value: '3', status: 'Failed', message: 'value 3 is too low' } },
        overallStatus: 'Failed',
      },
    },
  ],
  [
    'an analysis under way',
    {
      apiVersion: 'metrics.keptn.sh/v1beta1',
      kind: 'Analysis',
      spec: {
        timeframe: { from: '2023-09-14T07:33:19Z', to: '2023-09-14T08:33:19Z' },
        args: { ns: 'keptn-system' },
        analysisDefinition: { name: 'my-project' },
      },
      status: {
        timeframe: { from: '2023-09-14T07:33:19Z', to: '2023-09-14T08:33:19Z', recent: '0s' },
        state: 'Progressing',
        storedValues: {
          ready: {
            objectiveReference: { name: 'ready' },
            query: 'sum(up)',
            value: '',
            errMsg: 'no such host',
          },
        },
      },
    },
  ],
  [
    'a definition with numbers of both kinds',
    {
      apiVersion: 'metrics.keptn.sh/v1alpha3',
      kind: 'AnalysisDefinition',
      spec: {
        objectives: [
          {
            analysisValueTemplateRef: { name: 'ready', namespace: 'shop' },
            target: {
              failure: { lessThan: { fixedValue: 2 } },
              warning: { notInRange: { lowBound: '500m', highBound: '1k' } },
            },
            weight: 0,
            keyObjective: true,
          },
        ],
        totalScore: { passPercentage: 90, warningPercentage: 75 },
      },
    },
  ],
  [
    'a provider of old',
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnEvaluationProvider',
      spec: { targetServer: 'http://prometheus:9090', secretKeyRef: { name: 'a', key: 'b' } },
    },
  ],
  [
    'settings',
    {
      apiVersion: 'options.keptn.sh/v1alpha1',
      kind: 'KeptnConfig',
      spec: { OTelCollectorUrl: 'otel-collector:4317', keptnAppCreationRequestTimeoutSeconds: 30 },
    },
  ],
]

const typeOf = (kind: string): AnyResource => {
  const type = resources.find((resource) => resource.kind === kind)
  if (type === undefined) throw new Error(`No kind is called ${kind}`)
  return type
}

/** Without the times that are not: the API server drops them. */
const stored = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, inner: unknown) => inner ?? undefined))

describe('What Keptn wrote is taken, field for field:', () => {
  test.each(written)('%s', async (what, content) => {
    const type = typeOf(content.kind)
    const name = what.replaceAll(/[^a-z]/g, '-')
    const made = await server.create({ ...content, metadata: { name } })
    if (content.status !== undefined) await server.putStatus({ ...made, status: content.status })
    for (const version of type.versions) {
      const { spec, status } = await server.get(type, version, name)
      expect(spec).toMatchObject(stored(content.spec) as Json)
      if (content.status !== undefined) expect(status).toMatchObject(stored(content.status) as Json)
    }
  })
})
