/**
 * Apps of several workloads: which of them make one version, which checks are run for it and when, and what becomes of a
 * version when workloads come, change and go. The tasks report to the test, so it knows what has run and how often.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  conditionTypes,
  KeptnApp,
  KeptnAppCreationRequest,
  KeptnAppVersion,
  KeptnWorkloadVersion,
} from '../../api/index.ts'
import { Job, ReplicaSet, type Pod } from '../../api/kubernetes.ts'
import { gateName } from '../../identity/keys.ts'
import { findCondition } from '../../kube/conditions.ts'
import { eventually } from '../eventually.ts'
import { readAudit } from './audit.ts'
import { startCheckpoint, type Checkpoint } from './checkpoint.ts'
import { install, type Installation } from './installation.ts'
import {
  deployment,
  expectHeld,
  gatesOf,
  lookAt,
  managedNamespace,
  stays,
  yaml,
  type DeploymentOptions,
} from './world.ts'

const patient = { timeoutMs: 60_000, everyMs: 200 }
/** How long no workload must have appeared before an app is made. */
const quietSeconds = 3

let installation: Installation
let checkpoint: Checkpoint

beforeAll(async () => {
  installation = await install('apps')
  const { cluster, apply } = installation
  await apply(
    yaml({
      apiVersion: 'options.keptn.sh/v1alpha1',
      kind: 'KeptnConfig',
      metadata: { name: 'settings', namespace: 'keptn-system' },
      spec: { discoveryQuietSeconds: quietSeconds },
    }),
  )
  const operator = ['deployment/lifecycle-operator', '-n', 'keptn-system'] as const
  await cluster.kubectl(['set', 'env', ...operator, 'PROMOTION_TASKS_ENABLED=true'])
  await cluster.kubectl(['rollout', 'status', ...operator, '--timeout=120s'])
  checkpoint = await startCheckpoint(cluster)
}, 300_000)

afterAll(async () => {
  checkpoint.close()
  await installation.down()
}, 60_000)

type WorkloadOptions = Omit<DeploymentOptions, 'name'> & {
  readonly name: string
  readonly version?: string
}

/** A Deployment of the app that is called like its namespace. */
const workload = ({ namespace, version = '1', annotations = {}, ...rest }: WorkloadOptions) =>
  deployment({
    namespace,
    annotations: { 'keptn.sh/app': namespace, 'keptn.sh/version': version, ...annotations },
    ...rest,
  })

/** The same as a DaemonSet. */
const daemonSet = (options: WorkloadOptions): object => {
  const { spec, ...rest } = workload(options) as {
    readonly spec: Readonly<Record<string, unknown>>
  }
  return {
    ...rest,
    kind: 'DaemonSet',
    spec: { selector: spec['selector'], template: spec['template'] },
  }
}

const context = (namespace: string, spec: object, name = namespace): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnAppContext',
  metadata: { name, namespace },
  spec,
})

const tasks = (namespace: string, ...names: readonly string[]): readonly object[] =>
  names.map((name) => checkpoint.definition(namespace, name))

/** The app versions of a namespace, the oldest first. */
const appVersionsIn = async (namespace: string): Promise<readonly KeptnAppVersion[]> => {
  const { items } = await installation.client.list(KeptnAppVersion, { namespace })
  return items.toSorted((one, other) => (one.spec.generation ?? 0) - (other.spec.generation ?? 0))
}

const statesOf = (versions: readonly KeptnAppVersion[]): readonly (string | undefined)[] =>
  versions.map(({ status }) => status?.status)

/** Waits until the app versions of a namespace are in these states, the oldest first. */
const appVersionsAre = (
  namespace: string,
  ...states: readonly string[]
): Promise<readonly KeptnAppVersion[]> =>
  eventually(async () => {
    const versions = await appVersionsIn(namespace)
    expect(statesOf(versions)).toEqual(states)
    return versions
  }, patient)

const listed = ({ spec }: Pick<KeptnAppVersion, 'spec'>): readonly string[] =>
  (spec.workloads ?? []).map(({ name, version }) => `${name} ${version}`)

const haveRun = (namespace: string, ...names: readonly string[]): Promise<void> =>
  eventually(() => {
    expect(checkpoint.ran(namespace)).toEqual(names)
  }, patient)

const podsIn = async (namespace: string): Promise<readonly Pod[]> => {
  const pods = await lookAt(installation.client, namespace).pods('')
  return pods.filter(({ metadata }) => metadata.labels?.['app'] !== undefined)
}

const areRunning = (namespace: string, count: number): Promise<void> =>
  eventually(async () => {
    const pods = await podsIn(namespace)
    expect(pods.flatMap(gatesOf)).not.toContain(gateName)
    expect(pods.filter(({ status }) => status?.phase === 'Running')).toHaveLength(count)
  }, patient)

/** How many Jobs were ever made in a namespace. */
const jobsMade = (namespace: string): number =>
  readAudit(
    installation.cluster.auditLog,
    (write) =>
      write.verb === 'create' && write.resource === 'jobs' && write.namespace === namespace,
  ).length

const readyReason = ({ status }: KeptnAppVersion | KeptnWorkloadVersion): string | undefined =>
  findCondition(status?.conditions, conditionTypes.ready)?.reason

test.concurrent(
  'workloads that come together, by whatever tool, are one app version with the checks of its context',
  async () => {
    const namespace = 'shop'
    const { apply, cluster } = installation
    await apply(
      yaml(
        managedNamespace(namespace),
        ...tasks(namespace, 'app-pre', 'app-post', 'promote', 'web-pre', 'cart-post'),
        {
          apiVersion: 'metrics.keptn.sh/v1',
          kind: 'KeptnMetricsProvider',
          metadata: { name: 'one', namespace },
          spec: { type: 'prometheus', targetServer: checkpoint.url },
        },
        {
          apiVersion: 'metrics.keptn.sh/v1',
          kind: 'KeptnMetric',
          metadata: { name: 'one', namespace },
          spec: { provider: { name: 'one' }, query: 'one', fetchIntervalSeconds: 5 },
        },
        {
          apiVersion: 'lifecycle.keptn.sh/v1',
          kind: 'KeptnEvaluationDefinition',
          metadata: { name: 'is-one', namespace },
          spec: {
            retries: 10,
            retryInterval: '1s',
            objectives: [{ keptnMetricRef: { name: 'one', namespace }, evaluationTarget: '=1' }],
          },
        },
        context(namespace, {
          preDeploymentTasks: ['app-pre'],
          preDeploymentEvaluations: ['is-one'],
          postDeploymentTasks: ['app-post'],
          promotionTasks: ['promote'],
          metadata: { stage: 'dev', team: 'app' },
        }),
      ),
    )
    const web = {
      'keptn.sh/pre-deployment-tasks': 'web-pre',
      'keptn.sh/metadata': 'team=web,commit=abc',
    }
    const cart = { 'keptn.sh/post-deployment-tasks': 'cart-post' }
    await apply(yaml(workload({ namespace, name: 'web', replicas: 2, annotations: web })))
    await cluster.kubectl(
      ['create', '-f', '-'],
      yaml(workload({ namespace, name: 'cart', annotations: cart })),
    )
    await cluster.kubectl(
      ['apply', '--server-side', '--field-manager=kustomize-controller', '-f', '-'],
      yaml(daemonSet({ namespace, name: 'log' })),
    )

    await haveRun(namespace, 'app-pre')
    await stays(async () => {
      expectHeld(await podsIn(namespace))
      expect(checkpoint.ran(namespace)).toEqual(['app-pre'])
    }, 2_000)
    expect(await podsIn(namespace)).toHaveLength(4)
    checkpoint.open(namespace, 'app-pre')
    await haveRun(namespace, 'app-pre', 'web-pre')
    checkpoint.open(namespace, 'web-pre')
    await haveRun(namespace, 'app-pre', 'web-pre', 'cart-post')
    await areRunning(namespace, 4)
    // The last of its workloads is not done yet.
    await stays(async () => {
      expect(statesOf(await appVersionsIn(namespace))).toEqual(['Progressing'])
      expect(checkpoint.ran(namespace)).toHaveLength(3)
    }, 1_000)
    checkpoint.open(namespace, 'cart-post')
    await haveRun(namespace, 'app-pre', 'web-pre', 'cart-post', 'app-post')
    checkpoint.open(namespace, 'app-post')
    await haveRun(namespace, 'app-pre', 'web-pre', 'cart-post', 'app-post', 'promote')
    expect(statesOf(await appVersionsIn(namespace))).toEqual(['Progressing'])
    checkpoint.open(namespace, 'promote')

    const [version] = await appVersionsAre(namespace, 'Succeeded')
    expect(version && listed(version)).toEqual(['cart 1', 'log 1', 'web 1'])
    expect(version?.status).toMatchObject({
      currentPhase: 'Completed',
      preDeploymentStatus: 'Succeeded',
      preDeploymentEvaluationStatus: 'Succeeded',
      workloadOverallStatus: 'Succeeded',
      postDeploymentStatus: 'Succeeded',
      promotionStatus: 'Succeeded',
    })
    expect(checkpoint.contexts(namespace, 'web-pre')).toEqual([
      {
        workloadName: 'shop-web',
        appName: 'shop',
        appVersion: '',
        workloadVersion: '1',
        taskType: 'pre',
        objectType: 'Workload',
        metadata: { stage: 'dev', team: 'web', commit: 'abc' },
      },
    ])
    expect(checkpoint.contexts(namespace, 'promote')).toEqual([
      {
        workloadName: '',
        appName: 'shop',
        appVersion: version?.spec.version,
        workloadVersion: '',
        taskType: 'promotion',
        objectType: 'App',
        metadata: { stage: 'dev', team: 'app' },
      },
    ])
    expect(jobsMade(namespace)).toBe(5)
  },
  150_000,
)

test.concurrent(
  'a workload joins while the checks of its app run, and makes a version of its own later',
  async () => {
    const namespace = 'joins'
    const { apply } = installation
    await apply(
      yaml(
        managedNamespace(namespace),
        ...tasks(namespace, 'pre', 'post'),
        context(namespace, { preDeploymentTasks: ['pre'], postDeploymentTasks: ['post'] }),
        workload({ namespace, name: 'a' }),
        workload({ namespace, name: 'b' }),
      ),
    )
    await haveRun(namespace, 'pre')
    const [first] = await appVersionsIn(namespace)

    await apply(yaml(workload({ namespace, name: 'c' })))
    await eventually(async () => {
      const [joined] = await appVersionsIn(namespace)
      expect(joined && listed(joined)).toEqual(['a 1', 'b 1', 'c 1'])
    }, patient)
    // Longer than a window would have taken.
    await stays(
      async () => {
        expectHeld(await podsIn(namespace))
        expect(checkpoint.ran(namespace)).toEqual(['pre'])
      },
      (quietSeconds + 2) * 1_000,
    )
    checkpoint.open(namespace, 'pre')
    await areRunning(namespace, 3)
    await haveRun(namespace, 'pre', 'post')
    const [joined, ...others] = await appVersionsIn(namespace)
    expect(joined?.metadata.uid).toBe(first?.metadata.uid)
    expect(others).toEqual([])

    // The first one is still under way, and goes on.
    await apply(yaml(workload({ namespace, name: 'd' })))
    await areRunning(namespace, 4)
    await haveRun(namespace, 'pre', 'post', 'pre', 'post')
    checkpoint.open(namespace, 'post')
    const [one, other] = await appVersionsAre(namespace, 'Succeeded', 'Succeeded')
    expect(one && listed(one)).toEqual(['a 1', 'b 1', 'c 1'])
    expect(other && listed(other)).toEqual(['a 1', 'b 1', 'c 1', 'd 1'])
    expect(jobsMade(namespace)).toBe(4)
  },
  150_000,
)

test.concurrent(
  'a new version of a workload supersedes what has not been deployed, and one that goes leaves the app',
  async () => {
    const namespace = 'changes'
    const { apply, client, cluster } = installation
    await apply(
      yaml(
        managedNamespace(namespace),
        ...tasks(namespace, 'pre'),
        context(namespace, { preDeploymentTasks: ['pre'] }),
        workload({ namespace, name: 'a' }),
        workload({ namespace, name: 'b' }),
      ),
    )
    await haveRun(namespace, 'pre')
    const { items: before } = await client.list(Job, { namespace })

    await apply(yaml(workload({ namespace, name: 'a', version: '2' })))
    await haveRun(namespace, 'pre', 'pre')
    const [old] = await appVersionsAre(namespace, 'Deprecated', 'Progressing')
    expect(old && readyReason(old)).toBe('Superseded')
    const gone = await client.get(KeptnWorkloadVersion, { namespace, name: 'changes-a-1' })
    expect(gone?.status?.status).toBe('Deprecated')
    expect(gone && readyReason(gone)).toBe('Superseded')
    await eventually(async () => {
      const { items } = await client.list(Job, { namespace })
      expect(items).toHaveLength(1)
      expect(items[0]?.metadata.uid).not.toBe(before[0]?.metadata.uid)
    }, patient)
    expectHeld(await podsIn(namespace))
    checkpoint.open(namespace, 'pre')
    await areRunning(namespace, 2)
    await appVersionsAre(namespace, 'Deprecated', 'Succeeded')

    await cluster.kubectl(['delete', 'deployment', 'b', '-n', namespace])
    const versions = await appVersionsAre(namespace, 'Deprecated', 'Succeeded', 'Succeeded')
    const [last] = versions.toReversed()
    expect(last && listed(last)).toEqual(['a 2'])
    expect(jobsMade(namespace)).toBe(3)
    await areRunning(namespace, 1)
  },
  150_000,
)

/** What a version says about checks that came too late, and how often that was told. */
const lateIn = async (namespace: string) => {
  const [version] = await appVersionsIn(namespace)
  const late = findCondition(version?.status?.conditions, conditionTypes.checksAddedTooLate)
  const events = await lookAt(installation.client, namespace).events()
  const told = events.filter(({ reason }) => reason === conditionTypes.checksAddedTooLate)
  return { message: late?.status === 'True' ? late.message : undefined, told: told.length }
}

test.concurrent.each(['v1', 'v1alpha3'])(
  "a user's own app in %s has its checks and those of its context, of a late one what can still be run",
  async (apiVersion) => {
    const namespace = `written-${apiVersion}`
    const { apply } = installation
    await apply(
      yaml(
        managedNamespace(namespace),
        ...tasks(namespace, 'own', 'shared', 'late', 'too-late', 'web-pre', 'post'),
        {
          apiVersion: `lifecycle.keptn.sh/${apiVersion}`,
          kind: 'KeptnApp',
          metadata: { name: namespace, namespace },
          spec: {
            version: '2026.1',
            workloads: [{ name: 'web', version: '1' }],
            preDeploymentTasks: ['own', 'shared'],
          },
        },
        workload({
          namespace,
          name: 'web',
          annotations: { 'keptn.sh/pre-deployment-tasks': 'web-pre' },
        }),
      ),
    )
    const ran = (...names: readonly string[]): Promise<void> =>
      eventually(() => {
        expect(checkpoint.ran(namespace).toSorted()).toEqual(names.toSorted())
      }, patient)
    await ran('own', 'shared')

    const metadata = { stage: 'dev' }
    await apply(
      yaml(
        context(namespace, {
          preDeploymentTasks: ['shared', 'late'],
          postDeploymentTasks: ['post'],
          metadata,
        }),
      ),
    )
    await ran('own', 'shared', 'late')
    checkpoint.open(namespace, 'own', 'shared')
    await stays(async () => {
      expectHeld(await podsIn(namespace))
      expect(checkpoint.ran(namespace)).toHaveLength(3)
    }, 1_000)
    checkpoint.open(namespace, 'late')
    await ran('own', 'shared', 'late', 'web-pre')
    expect(checkpoint.contexts(namespace, 'web-pre')).toMatchObject([{ metadata }])

    // Its checks before the deployment have passed now.
    await installation.cluster.kubectl(['delete', 'keptnappcontext', namespace, '-n', namespace])
    await apply(yaml(context(namespace, { preDeploymentTasks: ['too-late'] })))
    await eventually(async () => {
      const { message, told } = await lateIn(namespace)
      expect(message).toContain('"too-late"')
      expect(told).toBe(1)
    }, patient)
    checkpoint.open(namespace, 'web-pre', 'post')
    const [version, ...others] = await appVersionsAre(namespace, 'Succeeded')
    expect(others).toEqual([])
    expect(version?.spec.preDeploymentTasks).toEqual(['own', 'shared', 'late', 'too-late'])
    expect(checkpoint.ran(namespace).toSorted()).toEqual(
      ['late', 'own', 'post', 'shared', 'web-pre'].toSorted(),
    )
    expect((await lateIn(namespace)).told).toBe(1)
    await areRunning(namespace, 1)
  },
  150_000,
)

test.concurrent(
  'a request for an app that was made by hand is answered with the workloads that were made by hand',
  async () => {
    const namespace = 'requested'
    const { apply, client } = installation
    const app = (name: string) => client.get(KeptnApp, { namespace, name })
    const request = (name: string, appName: string): object => ({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnAppCreationRequest',
      metadata: { name, namespace },
      spec: { appName },
    })
    const requests = async (): Promise<readonly string[]> => {
      const { items } = await client.list(KeptnAppCreationRequest, { namespace })
      return items.map(({ metadata }) => metadata.name)
    }
    // Nothing is held here: what is made by hand goes its way all the same.
    await apply(
      yaml(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        ...tasks(namespace, 'check'),
        deployment({ namespace, name: 'one' }),
        deployment({ namespace, name: 'two' }),
        {
          apiVersion: 'lifecycle.keptn.sh/v1',
          kind: 'KeptnApp',
          metadata: { name: 'theirs', namespace },
          spec: { version: '1', workloads: [] },
        },
        request('for-nobody', 'empty'),
        request('for-theirs', 'theirs'),
      ),
    )
    checkpoint.open(namespace, 'check')
    const byHand = async (name: string): Promise<object> => {
      const { items } = await client.list(ReplicaSet, { namespace })
      const owner = items.find(({ metadata }) => metadata.name.startsWith(`${name}-`))
      if (owner === undefined) throw new Error('There is no ReplicaSet yet')
      return {
        apiVersion: 'lifecycle.keptn.sh/v1',
        kind: 'KeptnWorkload',
        metadata: { name: `shop-${name}`, namespace },
        spec: {
          app: 'shop',
          version: '1',
          resourceReference: {
            uid: owner.metadata.uid,
            kind: 'ReplicaSet',
            name: owner.metadata.name,
          },
          preDeploymentTasks: ['check'],
        },
      }
    }
    const [one, two] = await eventually(() => Promise.all(['one', 'two'].map(byHand)), patient)

    await apply(yaml(one ?? {}, request('first', 'shop')))
    await eventually(async () => {
      expect(await requests()).toEqual(['for-nobody'])
    }, patient)
    const [first] = await appVersionsIn(namespace).then((all) =>
      all.filter(({ spec }) => spec.appName === 'shop'),
    )
    expect((await app('shop'))?.spec.workloads).toEqual([{ name: 'one', version: '1' }])
    await eventually(async () => {
      const at = { namespace, name: first?.metadata.name ?? '' }
      expect((await client.get(KeptnAppVersion, at))?.status?.status).toBe('Succeeded')
    }, patient)

    await apply(yaml(two ?? {}, request('second', 'shop')))
    await eventually(async () => {
      expect(await requests()).toEqual(['for-nobody'])
      const shop = await app('shop')
      expect(shop?.spec.workloads?.map(({ name }) => name)).toEqual(['one', 'two'])
      const versions = await appVersionsIn(namespace)
      const own = versions.filter(({ spec }) => spec.appName === 'shop')
      expect(statesOf(own)).toEqual(['Succeeded', 'Succeeded'])
    }, patient)
    expect(checkpoint.ran(namespace)).toEqual(['check', 'check'])
    expect((await app('theirs'))?.spec.workloads).toEqual([])
    expect(await app('empty')).toBeUndefined()
  },
  150_000,
)
