/** A version that makes room for another one before its release: it is given up, and nothing of it goes on. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { install, type Installation } from './installation.ts'
import { completed, sceneIn, superseded, type Scene } from './scene.ts'
import { deployment } from './world.ts'

let installation: Installation

beforeAll(async () => {
  installation = await install('superseded')
}, 300_000)

afterAll(async () => {
  await installation.down()
}, 60_000)

/** The workload at a version, with a check of this name before its deployment. */
const web = (
  { namespace }: Scene,
  version: string,
  checkName: string,
  annotations: Readonly<Record<string, string>> = {},
): object =>
  deployment({
    namespace,
    annotations: {
      'keptn.sh/version': version,
      'keptn.sh/pre-deployment-tasks': checkName,
      ...annotations,
    },
  })

const inShop = { 'keptn.sh/app': 'shop' }

const shop = (
  { namespace }: Scene,
  version: string,
  preDeploymentTasks: readonly string[] = [],
) => ({
  apiVersion: 'lifecycle.keptn.sh/v1alpha3',
  kind: 'KeptnApp',
  metadata: { name: 'shop', namespace },
  spec: { version, workloads: [{ name: 'web', version }], preDeploymentTasks },
})

const appContext = ({ namespace }: Scene, ...preDeploymentTasks: readonly string[]): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnAppContext',
  metadata: { name: 'web', namespace },
  spec: { preDeploymentTasks },
})

test.concurrent(
  'a version that is still being checked gives way to the next one',
  async () => {
    const scene = sceneIn(installation, 'first')
    await scene.begin({ long: 'lasts', short: 'passes' })
    await scene.apply(web(scene, '1', 'long'))
    await scene.checkRuns()

    await scene.apply(web(scene, '2', 'short'))
    const given = await scene.workloadIs('1', superseded, 10_000)
    expect(given.status).toMatchObject({
      currentPhase: 'WorkloadPreDeployTasks',
      preDeploymentStatus: 'Deprecated',
      deploymentStatus: 'Deprecated',
      postDeploymentStatus: 'Deprecated',
    })
    await scene.appsAre('1', superseded)
    await scene.isStopped(given)
    await scene.runs('2')
    await scene.workloadIs('2', completed)
    await scene.appsAre('2', completed)
    await scene.isQuiet()
    expect(scene.wasReleased('1')).toBe(false)
  },
  90_000,
)

test.concurrent(
  'the version that runs goes on running while one after it gives way',
  async () => {
    const scene = sceneIn(installation, 'second')
    await scene.begin({ long: 'lasts', short: 'passes' })
    await scene.apply(web(scene, '0', 'short'))
    const [before] = await scene.runs('0')
    await scene.appsAre('0', completed)
    await scene.apply(web(scene, '1', 'long'))
    await scene.checkRuns()
    await scene.holds('1')
    const [still] = await scene.runs('0')
    expect(still?.metadata.uid).toBe(before?.metadata.uid)

    await scene.apply(web(scene, '2', 'short'))
    await scene.isStopped(await scene.workloadIs('1', superseded, 10_000))
    await scene.appsAre('1', superseded)
    await scene.runs('2')
    await scene.runs('0', 0)
    await scene.appsAre('2', completed)
    await scene.workloadIs('0', completed)
    await scene.isQuiet()
    expect(scene.wasReleased('1')).toBe(false)
  },
  90_000,
)

test.concurrent(
  'a version whose app is still being checked gives way with its app',
  async () => {
    const scene = sceneIn(installation, 'app-checks')
    await scene.begin({ app: 'lasts', short: 'passes' }, appContext(scene, 'app'))
    await scene.apply(web(scene, '1', 'short'))
    await scene.checkRuns()

    await scene.decideOn('app', 'passes')
    await scene.apply(web(scene, '2', 'short'))
    const [app] = await scene.appsAre('1', superseded)
    expect(app?.status).toMatchObject({
      currentPhase: 'AppPreDeployTasks',
      preDeploymentStatus: 'Deprecated',
      workloadOverallStatus: 'Deprecated',
    })
    if (app !== undefined) await scene.isStopped(app)
    // It never began: its app had not let it.
    expect(await scene.tasksOf(await scene.workloadIs('1', superseded))).toEqual([])
    await scene.runs('2')
    await scene.appsAre('2', completed)
    await scene.isQuiet()
    expect(scene.wasReleased('1')).toBe(false)
  },
  90_000,
)

test.concurrent(
  "a user's app gives way to its next version, and to the workload's",
  async () => {
    const scene = sceneIn(installation, 'written')
    await scene.begin({ app: 'lasts', short: 'passes' })
    await scene.apply(shop(scene, '1', ['app']), web(scene, '1', 'short', inShop))
    await scene.checkRuns()

    // The workload first, as by another hand: the next version waits until an app lists it.
    await scene.apply(web(scene, '2', 'short', inShop))
    const [app] = await scene.appsAre('1', superseded)
    if (app !== undefined) await scene.isStopped(app)
    await scene.workloadIs('1', superseded)
    await scene.holds('2')
    await scene.isQuiet()

    await scene.decideOn('app', 'passes')
    await scene.apply(shop(scene, '2', ['app']))
    await scene.runs('2')
    await scene.appsAre('1', superseded)
    await scene.appsAre('2', completed)
    await scene.isQuiet()
    expect(scene.wasReleased('1')).toBe(false)
  },
  90_000,
)

test.concurrent(
  "a user's app goes over to the next version in one step",
  async () => {
    const scene = sceneIn(installation, 'written-at-once')
    await scene.begin({ long: 'lasts', short: 'passes' })
    await scene.apply(shop(scene, '1'), web(scene, '1', 'long', inShop))
    await scene.checkRuns()

    await scene.apply(shop(scene, '2'), web(scene, '2', 'short', inShop))
    await scene.isStopped(await scene.workloadIs('1', superseded, 10_000))
    await scene.appsAre('1', superseded)
    await scene.runs('2')
    await scene.appsAre('2', completed)
    await scene.isQuiet()
    expect(scene.wasReleased('1')).toBe(false)
  },
  90_000,
)
