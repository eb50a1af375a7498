/**
 * Keptn's scenarios of apps, of settings, and of the API itself. Settings hold for the whole cluster, so scenarios with
 * different ones follow each other; those of one group run side by side.
 *
 * Traces, and the chart's `allowedNamespaces`, are not built and not asked about here. Where design.md decides otherwise
 * than Keptn: one schema serves all versions of the API, so nothing is lost between them.
 */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import {
  KeptnApp,
  KeptnAppCreationRequest,
  KeptnAppVersion,
  KeptnTask,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import { MutatingWebhookConfiguration, ReplicaSet, Secret } from '../../../api/kubernetes.ts'
import { expectHeld } from '../world.ts'
import {
  app,
  appContext,
  evaluationDefinition,
  failing,
  namespaceOf,
  passing,
  waiter,
  workload,
  type Manifest,
} from './objects.ts'
import {
  completedApp,
  completedWorkload,
  deprecatedApp,
  failedApp,
  failedWorkload,
} from './statuses.ts'
import { lookInto, startWorld, until, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld('conformance-apps')
}, 300_000)

afterAll(() => world.down(), 60_000)

const secondsBetween = (from: string | undefined, to: string | undefined): number =>
  (Date.parse(to ?? '') - Date.parse(from ?? '')) / 1000

/** The workloads of an app that consists of six. */
const parts = ['entry', 'hat', 'left-arm', 'left-leg', 'right-arm', 'right-leg'].map(
  (part) => `podtato-head-${part}`,
)

const part = (
  namespace: string,
  name: string,
  more: Readonly<Record<string, string>> = {},
): Manifest =>
  workload({
    namespace,
    name,
    onTemplate: {
      annotations: {
        'keptn.sh/app': 'podtato-head',
        'keptn.sh/workload': name,
        'keptn.sh/version': '0.1.0',
        ...more,
      },
    },
  })

const listed = parts.map((name) => ({ name, version: '0.1.0' }))
const versionsOfParts = parts.map((name) => `podtato-head-${name}-0.1.0`)

describe('an app', () => {
  const quietSeconds = 3

  beforeAll(() =>
    world.settings({
      discoveryQuietSeconds: quietSeconds,
      keptnAppCreationRequestTimeoutSeconds: 8,
    }),
  )

  test.concurrent('is made of six workloads that name it', async () => {
    const namespace = 'six'
    const here = lookInto(world, namespace)
    await world.write(namespaceOf(namespace), ...parts.map((name) => part(namespace, name)))

    const version = await here.comesTo(
      KeptnAppVersion,
      'podtato-head-95a0b0ddca-6b86b273',
      completedApp,
    )
    expect(version.spec).toMatchObject({
      appName: 'podtato-head',
      version: '95a0b0ddca',
      revision: 1,
      workloads: listed,
    })
    const made = await here.get(KeptnApp, 'podtato-head')
    expect(made.metadata.labels?.['app.kubernetes.io/managed-by']).toBe('keptn')
    expect(made.spec).toMatchObject({ version: '95a0b0ddca', revision: 1, workloads: listed })
    expect(await here.names(KeptnApp)).toEqual(['podtato-head'])
    expect(await here.names(KeptnAppVersion)).toEqual([version.metadata.name])
    for (const name of versionsOfParts) {
      expect((await here.get(KeptnWorkloadVersion, name)).status).toMatchObject(completedWorkload)
    }
  })

  test.concurrent('is made, and changed, on a request that somebody wrote', async () => {
    const namespace = 'request'
    const here = lookInto(world, namespace)
    const request = {
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnAppCreationRequest',
      metadata: { name: 'my-app', namespace },
      spec: { appName: 'my-app' },
    }
    const record = (name: string, version: string): Manifest => ({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnWorkload',
      metadata: { name: `my-app-${name}`, namespace },
      spec: {
        app: 'my-app',
        version,
        resourceReference: { uid: `not-there-${name}`, kind: 'ReplicaSet', name },
      },
    })
    const isTakenUp = (): Promise<void> =>
      until(async () => {
        expect(await here.names(KeptnAppCreationRequest)).toEqual([])
      })
    await world.write(namespaceOf(namespace), record('one', '1.0'), request)
    const { metadata } = await here.get(KeptnAppCreationRequest, 'my-app')
    const first = await until(() => here.get(KeptnApp, 'my-app'))
    expect(
      secondsBetween(metadata.creationTimestamp, first.metadata.creationTimestamp),
    ).toBeGreaterThanOrEqual(quietSeconds)
    expect(first.metadata.labels?.['app.kubernetes.io/managed-by']).toBe('keptn')
    expect(first.spec).toMatchObject({
      version: '1.0',
      workloads: [{ name: 'one', version: '1.0' }],
    })
    await isTakenUp()

    await world.write(record('one', '2.0'), record('two', '1.0'), request)
    const version = createHash('sha256')
      .update('my-app-one-2.0my-app-two-1.0')
      .digest('hex')
      .slice(0, 10)
    await until(async () => {
      expect((await here.get(KeptnApp, 'my-app')).spec).toMatchObject({
        version,
        workloads: [
          { name: 'one', version: '2.0' },
          { name: 'two', version: '1.0' },
        ],
      })
    })
    await isTakenUp()
  })

  test.concurrent('goes through the same version again with each revision', async () => {
    const namespace = 'restart'
    const here = lookInto(world, namespace)
    const revision = (number: number) =>
      app(namespace, 'podtato-head', { version: '1.3', revision: number, workloads: listed })
    const [late = '', first = '', ...others] = parts
    await world.write(
      namespaceOf(namespace),
      passing(namespace, 'check'),
      appContext(namespace, 'podtato-head', { preDeploymentTasks: ['check'] }),
      app(namespace, 'podtato-head', { version: '1.3', workloads: listed }),
      part(namespace, first, { 'keptn.sh/pre-deployment-tasks': 'check' }),
      ...others.map((name) => part(namespace, name)),
    )
    await here.comesTo(KeptnAppVersion, 'podtato-head-1.3-6b86b273', { currentPhase: 'AppDeploy' })

    await world.write(revision(2))
    await world.write(part(namespace, late))
    const second = await here.comesTo(KeptnAppVersion, 'podtato-head-1.3-d4735e3a', completedApp)
    expect(second.spec).toMatchObject({ version: '1.3', revision: 2 })
    await here.comesTo(KeptnAppVersion, 'podtato-head-1.3-6b86b273', deprecatedApp('AppDeploy'))

    await world.write(revision(34))
    const third = await here.comesTo(KeptnAppVersion, 'podtato-head-1.3-4e074085', completedApp)
    expect(third.spec).toMatchObject({ version: '1.3', revision: 34 })
    await here.comesTo(KeptnAppVersion, 'podtato-head-1.3-d4735e3a', deprecatedApp('Completed'))
    expect((await here.get(KeptnAppVersion, 'podtato-head-1.3-6b86b273')).status).toMatchObject(
      deprecatedApp('AppDeploy'),
    )

    expect(await here.names(KeptnWorkloadVersion)).toEqual(versionsOfParts)
    const tasks = await here.list(KeptnTask)
    const objectTypes = tasks.map(({ spec }) => spec.context?.objectType)
    expect(objectTypes.toSorted()).toEqual(['App', 'App', 'App', 'Workload'])
  })
})

test('where failed checks do not block they warn, and where they do again they hold', async () => {
  const namespace = 'warnings'
  const here = lookInto(world, namespace)
  const definitions = [
    failing(namespace, 'task'),
    evaluationDefinition(namespace, 'evaluation', '>1', { retries: 1 }),
  ]
  const lists = {
    preDeploymentTasks: ['task'],
    postDeploymentTasks: ['task'],
    preDeploymentEvaluations: ['evaluation'],
    postDeploymentEvaluations: ['evaluation'],
  }
  const at = (version: string) =>
    workload({
      namespace,
      onTemplate: waiter(version, {
        'keptn.sh/pre-deployment-tasks': 'task',
        'keptn.sh/post-deployment-tasks': 'task',
        'keptn.sh/pre-deployment-evaluations': 'evaluation',
        'keptn.sh/post-deployment-evaluations': 'evaluation',
      }),
    })
  const warned = {
    preDeploymentStatus: 'Warning',
    preDeploymentEvaluationStatus: 'Warning',
    postDeploymentStatus: 'Warning',
    postDeploymentEvaluationStatus: 'Warning',
    currentPhase: 'Completed',
    status: 'Succeeded',
  }
  await world.settings({ blockDeployment: false })
  await world.write(
    namespaceOf(namespace),
    ...definitions,
    appContext(namespace, 'waiter', lists),
    at('0.1.0'),
  )
  const first = await here.comesTo(KeptnAppVersion, 'waiter-0.1.0-6b86b273', {
    ...warned,
    workloadOverallStatus: 'Succeeded',
  })
  expect(first.status?.preDeploymentTaskStatus).toMatchObject([{ status: 'Failed' }])
  const version = await here.get(KeptnWorkloadVersion, 'waiter-waiter-0.1.0')
  expect(version.status).toMatchObject({ ...warned, deploymentStatus: 'Succeeded' })
  const [running] = await here.pods()
  expect(running?.status?.phase).toBe('Running')

  await world.settings()
  await world.write(at('0.2.0'))
  const failed = failedApp('AppPreDeployTasks')
  await here.comesTo(KeptnAppVersion, 'waiter-0.2.0-d4735e3a', failed)
  const pods = await here.pods()
  const isNew = (pod: (typeof pods)[number]): boolean =>
    pod.metadata.annotations?.['keptn.sh/version'] === '0.2.0'
  expectHeld(pods.filter(isNew))
  expect(pods.filter(isNew).map(({ status }) => status?.phase)).toEqual(['Pending'])
  expect(pods.filter((pod) => !isNew(pod)).map(({ metadata }) => metadata.uid)).toEqual([
    running?.metadata.uid,
  ])
}, 120_000)

test('a rollout that takes too long fails', async () => {
  const namespace = 'too-long'
  const here = lookInto(world, namespace)
  await world.settings({ observabilityTimeout: '10s' })
  await world.write(
    namespaceOf(namespace),
    passing(namespace, 'after'),
    workload({
      namespace,
      image: 'localhost/not-there:1',
      onTemplate: waiter('0.4', { 'keptn.sh/post-deployment-tasks': 'after' }),
    }),
  )
  const failed = failedApp('AppDeploy')
  const appVersion = await here.comesTo(KeptnAppVersion, 'waiter-0.4-6b86b273', failed)
  const version = await here.get(KeptnWorkloadVersion, 'waiter-waiter-0.4')
  expect(version.status).toMatchObject(failedWorkload('WorkloadDeploy'))
  const { deploymentStartTime, endTime } = version.status ?? {}
  expect(secondsBetween(deploymentStartTime, endTime)).toBeGreaterThanOrEqual(10)
  const reasons = await here.reasons(version, 'WorkloadDeployFailed')
  // Keptn's word for a timeout, whatever it says.
  expect(reasons).toContain('WorkloadDeployFinished')
  await here.reasons(appVersion, 'AppDeployFailed')
  expect(await here.names(KeptnTask)).toEqual([])
  // It was let go, and did not come.
  const [pod] = await here.pods()
  expect(pod?.metadata.annotations?.['keptn.sh/scheduling-gate-removed']).toBe('true')
  expect(pod?.status?.phase).toBe('Pending')
  const [replicaSet] = await here.list(ReplicaSet)
  expect(version.spec.resourceReference).toEqual({
    uid: replicaSet?.metadata.uid,
    kind: 'ReplicaSet',
    name: replicaSet?.metadata.name,
  })
  await world.settings()
}, 120_000)

describe('the API', () => {
  const namespace = 'versions'

  interface Written {
    readonly kind: string
    readonly plural: string
    readonly version: string
    readonly others: readonly string[]
    readonly spec: object
  }

  const lists = {
    preDeploymentTasks: ['a'],
    postDeploymentTasks: ['b'],
    preDeploymentEvaluations: ['c'],
    postDeploymentEvaluations: ['d'],
  }
  const references = { workloads: [{ name: 'web', version: '1' }] }
  const workloadSpec = {
    ...lists,
    app: 'shop',
    version: '1',
    resourceReference: { uid: 'not-there', kind: 'ReplicaSet', name: 'web' },
  }
  const context = {
    appName: 'shop',
    appVersion: '1',
    workloadName: '',
    workloadVersion: '',
    taskType: 'pre',
    objectType: 'App',
  }
  const alpha3 = { version: 'v1alpha3', others: ['v1beta1', 'v1'] } as const
  const kinds: readonly Written[] = [
    {
      ...alpha3,
      kind: 'KeptnApp',
      plural: 'keptnapps',
      spec: { ...lists, ...references, version: '1', revision: 2 },
    },
    {
      ...alpha3,
      kind: 'KeptnAppVersion',
      plural: 'keptnappversions',
      spec: {
        ...lists,
        ...references,
        appName: 'shop',
        version: '1',
        traceId: { traceparent: 'x' },
      },
    },
    {
      version: 'v1beta1',
      others: ['v1'],
      kind: 'KeptnAppContext',
      plural: 'keptnappcontexts',
      spec: {
        ...lists,
        promotionTasks: ['e'],
        metadata: { stage: 'dev' },
        spanLinks: ['00-1-2-01'],
      },
    },
    {
      ...alpha3,
      kind: 'KeptnAppCreationRequest',
      plural: 'keptnappcreationrequests',
      // A request is kept until there are workloads to make the app of.
      spec: { appName: 'no-such-app' },
    },
    { ...alpha3, kind: 'KeptnWorkload', plural: 'keptnworkloads', spec: workloadSpec },
    {
      version: 'v1alpha4',
      others: ['v1beta1', 'v1'],
      kind: 'KeptnWorkloadVersion',
      plural: 'keptnworkloadversions',
      spec: { ...workloadSpec, workloadName: 'shop-web', previousVersion: '0' },
    },
    {
      ...alpha3,
      kind: 'KeptnTaskDefinition',
      plural: 'keptntaskdefinitions',
      spec: {
        function: {
          inline: { code: 'console.log(1)' },
          parameters: { map: { user: 'me' } },
          secureParameters: { secret: 'mine' },
        },
        retries: 2,
        timeout: '90s',
      },
    },
    {
      ...alpha3,
      kind: 'KeptnTask',
      plural: 'keptntasks',
      spec: { taskDefinition: 'not-there', context, checkType: 'pre', retries: 2, timeout: '90s' },
    },
    {
      ...alpha3,
      kind: 'KeptnEvaluationDefinition',
      plural: 'keptnevaluationdefinitions',
      spec: {
        objectives: [
          { keptnMetricRef: { name: 'cpus', namespace: 'elsewhere' }, evaluationTarget: '>4' },
        ],
      },
    },
    {
      ...alpha3,
      kind: 'KeptnEvaluation',
      plural: 'keptnevaluations',
      spec: {
        workload: 'shop-web',
        workloadVersion: '1',
        appName: 'shop',
        appVersion: '',
        evaluationDefinition: 'not-there',
        checkType: 'pre-eval',
        failAction: 'none',
        retries: 3,
        retryInterval: '7s',
      },
    },
  ]

  const manifest = ({ kind, spec }: Written, version: string, name: string): Manifest => ({
    apiVersion: `lifecycle.keptn.sh/${version}`,
    kind,
    metadata: { name, namespace },
    spec,
  })

  const read = async ({ plural }: Written, version: string, name: string): Promise<object> =>
    parse(
      await world.cluster.kubectl([
        ...['get', `${plural}.${version}.lifecycle.keptn.sh`, name],
        ...[`--namespace=${namespace}`, '--output=json'],
      ]),
    ) as object

  beforeAll(() => world.write(namespaceOf(namespace, 'no')))

  test.concurrent.each(kinds)('$kind is the same in all its versions', async (written) => {
    const { version, others } = written
    await world.write(manifest(written, version, 'old'))
    await world.write(manifest(written, others.at(-1) ?? version, 'new'))
    for (const each of [version, ...others]) {
      for (const name of ['old', 'new']) {
        expect(await read(written, each, name)).toMatchObject({ spec: written.spec })
      }
    }
  })

  test.concurrent('what only v1 has survives a change through an older version', async () => {
    const [written] = kinds.filter(({ kind }) => kind === 'KeptnAppVersion')
    if (written === undefined) throw new Error('There is no such kind')
    const name = 'changed'
    const more = { metadata: { stage: 'dev' }, spanLinks: ['00-1-2-01'], promotionTasks: ['e'] }
    const spec = { ...written.spec, ...more }
    await world.write(manifest({ ...written, spec }, 'v1', name))
    for (const version of ['v1beta1', 'v1alpha3']) {
      await until(async () => {
        const seen = (await read(written, version, name)) as { metadata: object }
        const changed = { ...seen, metadata: { ...seen.metadata, labels: { by: version } } }
        await world.cluster.kubectl(['replace', '-f', '-'], JSON.stringify(changed))
      })
      expect(await read(written, 'v1', name)).toMatchObject({
        metadata: { labels: { by: version } },
        spec,
      })
    }
  })
})

test('certificates that somebody deletes are made again, and pods are held as before', async () => {
  const system = lookInto(world, 'keptn-system')
  const before = await system.get(Secret, 'keptn-certs')
  await world.cluster.kubectl(['delete', 'secret', 'keptn-certs', '--namespace=keptn-system'])
  const after = await until(async () => {
    const found = await system.get(Secret, 'keptn-certs')
    expect(found.metadata.uid).not.toBe(before.metadata.uid)
    return found
  })
  const authority = Buffer.from(after.data?.['ca.crt'] ?? '', 'base64').toString()
  expect(authority).toContain('BEGIN CERTIFICATE')
  await until(async () => {
    const { items } = await world.client.list(MutatingWebhookConfiguration)
    const bundles = items
      .filter(({ metadata }) => metadata.name.startsWith('lifecycle-'))
      .flatMap(({ webhooks = [] }) => webhooks.map(({ clientConfig }) => clientConfig.caBundle))
    expect(bundles.length).toBeGreaterThan(0)
    for (const bundle of bundles) {
      expect(Buffer.from(bundle ?? '', 'base64').toString()).toContain(authority.trim())
    }
  })

  const namespace = 'after-certificates'
  const here = lookInto(world, namespace)
  await world.write(
    namespaceOf(namespace),
    failing(namespace, 'check'),
    workload({
      namespace,
      onTemplate: waiter('0.4', { 'keptn.sh/pre-deployment-tasks': 'check' }),
    }),
  )
  await here.comesTo(KeptnAppVersion, 'waiter-0.4-6b86b273', failedApp('AppDeploy'))
  expectHeld(await here.pods())
  expect(await here.names(KeptnWorkload)).toEqual(['waiter-waiter'])
}, 180_000)
