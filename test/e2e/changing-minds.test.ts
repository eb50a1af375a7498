/** People try again, change what is held, delete half-way: checks are run as often as is asked for, and nothing stays. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { KeptnAppVersion } from '../../api/index.ts'
import { KeptnWorkload, KeptnWorkloadVersion } from '../../api/index.ts'
import { Namespace, ReplicaSet, type Pod } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import {
  checksFailed,
  completed,
  patient,
  sceneIn,
  scenario,
  settle,
  superseded,
  type Scene,
} from './scene.ts'
import { expectHeld, lookAt, yaml } from './world.ts'

let installation: Installation

beforeAll(async () => {
  installation = await install('changing-minds')
}, 300_000)

afterAll(async () => {
  await installation.down()
}, 60_000)

const raiseRevision = ({ kubectl }: Scene, app: string, revision: number): Promise<string> =>
  kubectl('patch', 'keptnapp', app, '--type=merge', `--patch={"spec":{"revision":${revision}}}`)

/** Waits until the newest app version has come to this. */
const newestAppIs = (scene: Scene, version: string, status: string): Promise<KeptnAppVersion> =>
  eventually(async () => {
    const newest = (await scene.appVersionsWith(version)).at(-1)
    if (newest?.status?.status !== status) throw new Error(`It is ${newest?.status?.status}`)
    return newest
  }, patient)

scenario("a failed workload is tried again with each revision of a user's app", async () => {
  const scene = sceneIn(installation, 'revisions')
  await scene.begin({ app: 'passes', web: 'fails', db: 'passes' })
  const inShop = { app: 'shop' }
  await scene.apply(
    {
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnApp',
      metadata: { name: 'shop', namespace: scene.namespace },
      spec: {
        version: '1',
        workloads: [
          { name: 'web', version: '1' },
          { name: 'db', version: '7' },
        ],
        preDeploymentTasks: ['app'],
      },
    },
    scene.workload('1', 'web', inShop),
    scene.workload('7', 'db', inShop, 'db'),
  )
  await scene.workloadIs('1', { ...checksFailed, attempt: 1 })
  await scene.runs('7')
  const db = await scene.workloadIs('7', completed)
  const first = await newestAppIs(scene, '1', 'Failed')

  await raiseRevision(scene, 'shop', 2)
  await scene.workloadIs('1', { ...checksFailed, attempt: 2 })
  await scene.holds('1')
  const second = await newestAppIs(scene, '1', 'Failed')
  expect(second.spec.revision).toBe(2)
  expect(await scene.tasksOf(second)).toHaveLength(1)
  expect((await scene.tasksOf(first))[0]?.metadata.uid).not.toBe(
    (await scene.tasksOf(second))[0]?.metadata.uid,
  )

  await scene.decideOn('web', 'passes')
  await raiseRevision(scene, 'shop', 3)
  await scene.runs('1')
  const tried = await scene.workloadIs('1', { ...completed, attempt: 3 })
  const third = await newestAppIs(scene, '1', 'Succeeded')
  expect(third.spec.revision).toBe(3)
  expect((await scene.tasksOf(third)).map(({ status }) => status?.status)).toEqual(['Succeeded'])
  const tasks = await scene.tasksOf(tried)
  expect(tasks.map(({ status }) => status?.status).toSorted()).toEqual([
    'Failed',
    'Failed',
    'Succeeded',
  ])
  // What had succeeded is not checked again.
  expect(await scene.workloadIs('7', completed)).toEqual(db)
  expect(await scene.tasksOf(db)).toHaveLength(1)
  await scene.isQuiet()
})

scenario('a failed workload is tried again with the revision of an app that we made', async () => {
  const scene = sceneIn(installation, 'own-revision')
  await scene.begin({ app: 'passes', web: 'fails' }, scene.appContext('app'))
  await scene.apply(scene.workload('1', 'web'))
  await scene.workloadIs('1', { ...checksFailed, attempt: 1 })
  await newestAppIs(scene, '1', 'Failed')

  await scene.decideOn('web', 'passes')
  await raiseRevision(scene, 'web', 2)
  await scene.runs('1')
  const version = await scene.workloadIs('1', { ...completed, attempt: 2 })
  const app = await newestAppIs(scene, '1', 'Succeeded')
  expect(await scene.tasksOf(app)).toHaveLength(1)
  expect(await scene.tasksOf(version)).toHaveLength(2)

  // The next version of the workload begins anew, and its first failure stays one.
  await scene.decideOn('web', 'fails')
  await scene.apply(scene.workload('2', 'web'))
  await scene.workloadIs('2', { ...checksFailed, attempt: 1 })
  await newestAppIs(scene, '2', 'Failed')
  expect((await scene.apps()).map(({ spec }) => spec.revision)).toEqual([1])
  expect(await scene.tasksOf(await scene.workloadVersion('2'))).toHaveLength(1)
  await scene.holds('2')
  await scene.isQuiet()
})

scenario('a Deployment that keeps no old ReplicaSets goes from version to version', async () => {
  const scene = sceneIn(installation, 'no-history')
  const forgetful = (version: string, name: string, change = ''): object => {
    const from = scene.workload(version, name, { change }) as { readonly spec: object }
    return { ...from, spec: { ...from.spec, revisionHistoryLimit: 0 } }
  }
  await scene.begin({ short: 'passes', long: 'lasts' })
  await scene.apply(forgetful('1', 'short'))
  await scene.runs('1')
  await scene.workloadIs('1', completed)
  await scene.apply(forgetful('2', 'long'))
  await scene.checkRuns('long')
  await scene.apply(forgetful('3', 'short'))
  await scene.isStopped(await scene.workloadIs('2', superseded, 10_000))
  await scene.runs('3')
  await scene.workloadIs('3', completed)
  await eventually(async () => {
    const { items } = await scene.client.list(ReplicaSet, { namespace: scene.namespace })
    expect(items).toHaveLength(1)
  }, patient)

  // What was released once is not checked again, though its ReplicaSet is another one.
  const before = await scene.tasksOf(await scene.workloadVersion('1'))
  await scene.apply(forgetful('1', 'short'))
  await scene.runs('1')
  await newestAppIs(scene, '1', 'Succeeded')
  expect(await scene.tasksOf(await scene.workloadIs('1', completed))).toEqual(before)
  // What was given up is.
  await scene.decideOn('long', 'passes')
  await scene.apply(forgetful('2', 'long'))
  await scene.runs('2')
  await scene.workloadIs('2', { ...completed, attempt: 2 })
  await newestAppIs(scene, '2', 'Succeeded')
  await scene.isQuiet()
})

scenario(
  'another template of the same version is checked once, however often it changes',
  async () => {
    const scene = sceneIn(installation, 'same-version')
    await scene.begin({})
    await scene.apply(scene.workload('1', 'late'))
    await scene.holds('1')
    await scene.apply(scene.workload('1', 'late', { change: 'while it is held' }))
    await eventually(async () => {
      expect((await scene.workloadVersion('1')).spec.revisions).toHaveLength(2)
    }, patient)
    await scene.holds('1')
    await scene.decideOn('late', 'passes')
    await scene.runs('1')
    const version = await scene.workloadIs('1', completed)
    const tasks = await scene.tasksOf(version)
    expect(tasks).toHaveLength(1)

    await scene.decideOn('late', 'lasts')
    await scene.apply(scene.workload('1', 'late', { change: 'after its release' }))
    await eventually(async () => {
      const [pod, ...others] = await scene.pods('1')
      expect(pod?.metadata.annotations?.['change']).toBe('after its release')
      expect(pod?.status?.phase).toBe('Running')
      expect(others).toEqual([])
    }, patient)
    expect(await scene.tasksOf(await scene.workloadIs('1', completed))).toEqual(tasks)
    expect(await scene.appVersionsWith('1')).toHaveLength(1)
    await scene.isQuiet()
  },
)

scenario(
  'of a rollout that is held halfway the old revision scales and the new one is held',
  async () => {
    const scene = sceneIn(installation, 'keys-on-the-owner')
    /** The keys stand on the Deployment alone, which is at the new version when old pods are made. */
    const keyed = (version: string, checkName: string, replicas: number): object => {
      const from = scene.workload(version, checkName) as {
        readonly metadata: object
        readonly spec: { readonly template: { readonly metadata: { readonly labels: object } } }
      }
      const { template } = from.spec
      const annotations = {
        [keys.workload]: 'web',
        [keys.version]: version,
        [keys.preDeploymentTasks]: checkName,
      }
      return {
        ...from,
        metadata: { ...from.metadata, annotations },
        spec: {
          ...from.spec,
          replicas,
          strategy: { rollingUpdate: { maxUnavailable: 0 } },
          template: {
            ...template,
            metadata: { labels: template.metadata.labels, annotations: { change: version } },
          },
        },
      }
    }
    const { pods } = lookAt(scene.client, scene.namespace)
    const ofChange = async (version: string): Promise<readonly Pod[]> =>
      (await pods()).filter(
        ({ metadata }) =>
          metadata.annotations?.['change'] === version && metadata.deletionTimestamp === undefined,
      )
    const areRunning = (version: string, count: number): Promise<void> =>
      eventually(async () => {
        const phases = (await ofChange(version)).map(({ status }) => status?.phase)
        expect(phases.length).toBeGreaterThanOrEqual(count)
        expect(phases).toEqual(phases.map(() => 'Running'))
      }, patient)
    await scene.begin({ short: 'passes', long: 'lasts' })
    await scene.apply(keyed('1', 'short', 2))
    await areRunning('1', 2)
    await scene.workloadIs('1', completed)
    await scene.apply(keyed('2', 'long', 2))
    await scene.checkRuns('long')
    await scene.kubectl('scale', 'deployment/web', '--replicas=8')
    await areRunning('1', 5)
    expectHeld(await ofChange('2'))
    expect((await scene.workloadVersion('1')).spec.revisions).toHaveLength(1)
    expect((await scene.workloadVersion('2')).spec.revisions).toHaveLength(1)

    await scene.kubectl('rollout', 'undo', 'deployment/web')
    await scene.isStopped(await scene.workloadIs('2', superseded, 10_000))
    await areRunning('1', 8)
    await scene.holdsNothing()
    await scene.isQuiet()
  },
)

/** Waits until nothing of ours is left of a workload that was deleted. */
const isForgotten = ({ client, namespace, jobs, taskPods }: Scene): Promise<void> =>
  eventually(
    async () => {
      expect((await client.list(KeptnWorkload, { namespace })).items).toEqual([])
      expect((await client.list(KeptnWorkloadVersion, { namespace })).items).toEqual([])
      expect(await jobs()).toEqual([])
      expect(await taskPods()).toEqual([])
    },
    { timeoutMs: 20_000, everyMs: 200 },
  )

scenario('a Deployment that is deleted while it is checked leaves nothing that runs', async () => {
  const scene = sceneIn(installation, 'deleted')
  await scene.begin({ long: 'lasts', short: 'passes' })
  await scene.apply(scene.workload('1', 'long'))
  await scene.checkRuns('long')
  await scene.kubectl('delete', 'deployment', 'web')
  await isForgotten(scene)
  await scene.isQuiet()

  // Made again at another version, then once more at the one that was deleted.
  await scene.apply(scene.workload('2', 'short'))
  await scene.runs('2')
  await newestAppIs(scene, '2', 'Succeeded')
  await scene.kubectl('delete', 'deployment', 'web')
  await scene.decideOn('long', 'passes')
  await scene.apply(scene.workload('1', 'long'))
  await scene.runs('1')
  await scene.workloadIs('1', completed)
  await newestAppIs(scene, '1', 'Succeeded')
  await scene.isQuiet()
})

scenario(
  'a Deployment that is deleted while its app is checked leaves nothing that runs',
  async () => {
    const scene = sceneIn(installation, 'deleted-app-checks')
    await scene.begin({ app: 'lasts', short: 'passes' }, scene.appContext('app'))
    await scene.apply(scene.workload('1', 'short'))
    await scene.checkRuns('app')
    await scene.kubectl('delete', 'deployment', 'web')
    await isForgotten(scene)
    await scene.isQuiet()
  },
)

/**
 * The ReplicaSet that was deleted takes its KeptnWorkload along, unless the new one has taken that over by then: the same
 * version goes on with its checks in that case, and none is run twice.
 */
scenario('a Deployment that is replaced by force waits for its checks, old or new', async () => {
  const scene = sceneIn(installation, 'replaced-by-force')
  const { namespace, client } = scene
  const at = { namespace, name: 'web-web-1' }
  await scene.begin({ web: 'lasts' })
  const workload = scene.workload('1', 'web')
  await scene.apply(workload)
  await scene.checkRuns('web')
  const before = await client.get(KeptnWorkloadVersion, at)
  await scene.decideOn('web', 'passes')
  await installation.cluster.kubectl(['replace', '--force', '-f', '-'], yaml(workload))
  const after = await eventually(async () => {
    const version = await client.get(KeptnWorkloadVersion, at)
    const { items } = await client.list(ReplicaSet, { namespace })
    expect(items.map(({ metadata }) => metadata.uid)).toEqual([version?.spec.revision])
    expect(version?.spec.revision).not.toBe(before?.spec.revision)
    return version
  }, patient)
  if (after?.metadata.uid === before?.metadata.uid) {
    await scene.holds('1')
    expect(await scene.jobs()).toHaveLength(1)
    return
  }
  await scene.runs('1')
  await newestAppIs(scene, '1', 'Succeeded')
  await scene.isQuiet()
})

scenario('a namespace that is deleted while checks run is gone at once', async () => {
  const scene = sceneIn(installation, 'namespace-deleted')
  await scene.begin({ app: 'passes', web: 'lasts' }, scene.appContext('app'))
  await scene.apply(scene.workload('1', 'web'), scene.workload('2', 'web', {}, 'db'))
  await scene.holds('1')
  await eventually(async () => {
    expect((await scene.jobs()).length).toBeGreaterThan(2)
  }, patient)
  await installation.cluster.kubectl(['delete', 'namespace', scene.namespace, '--wait=false'])
  await eventually(
    async () => {
      expect(await scene.client.get(Namespace, { name: scene.namespace })).toBeUndefined()
    },
    { timeoutMs: 30_000, everyMs: 250 },
  )
})

test('once all is done nothing is written, and nothing was tried again and again', async () => {
  expect(await settle(installation)).toEqual([])
}, 60_000)
