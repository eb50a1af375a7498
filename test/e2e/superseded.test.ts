/** A version that makes room for another one before its release: it is given up, and nothing of it goes on. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { conditionTypes } from '../../api/index.ts'
import { Namespace } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import { parseReleased } from '../../identity/released.ts'
import { findCondition } from '../../kube/conditions.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import { expectHeld, stays } from './world.ts'
import {
  checksFailed,
  completed,
  madeAgain,
  patient,
  sceneIn,
  scenario,
  settle,
  superseded,
  type Scene,
} from './scene.ts'

let installation: Installation

beforeAll(async () => {
  installation = await install('superseded')
}, 300_000)

afterAll(async () => {
  await installation.down()
}, 60_000)

const inShop = { app: 'shop' }

scenario('a version that is still being checked gives way to the next one', async () => {
  const scene = sceneIn(installation, 'first')
  await scene.begin({ long: 'lasts', short: 'passes' })
  await scene.apply(scene.workload('1', 'long'))
  await scene.checkRuns('long')

  await scene.apply(scene.workload('2', 'short'))
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
})

scenario('the version that runs goes on running while one after it gives way', async () => {
  const scene = sceneIn(installation, 'second')
  await scene.begin({ long: 'lasts', short: 'passes' })
  await scene.apply(scene.workload('0', 'short'))
  const [before] = await scene.runs('0')
  await scene.appsAre('0', completed)
  await scene.apply(scene.workload('1', 'long'))
  await scene.checkRuns('long')
  await scene.holds('1')
  const [still] = await scene.runs('0')
  expect(still?.metadata.uid).toBe(before?.metadata.uid)

  await scene.apply(scene.workload('2', 'short'))
  await scene.isStopped(await scene.workloadIs('1', superseded, 10_000))
  await scene.appsAre('1', superseded)
  await scene.runs('2')
  await scene.runs('0', 0)
  await scene.appsAre('2', completed)
  await scene.workloadIs('0', completed)
  await scene.isQuiet()
  expect(scene.wasReleased('1')).toBe(false)
})

scenario('a version whose app is still being checked gives way with its app', async () => {
  const scene = sceneIn(installation, 'app-checks')
  await scene.begin({ app: 'lasts', short: 'passes' }, scene.appContext('app'))
  await scene.apply(scene.workload('1', 'short'))
  await scene.checkRuns('app')

  await scene.decideOn('app', 'passes')
  await scene.apply(scene.workload('2', 'short'))
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
})

scenario("a user's app gives way to its next version, and to the workload's", async () => {
  const scene = sceneIn(installation, 'written')
  await scene.begin({ app: 'lasts', short: 'passes' })
  await scene.apply(scene.shop('1', 'app'), scene.workload('1', 'short', inShop))
  await scene.checkRuns('app')

  // The workload first, as by another hand: the next version waits until an app lists it.
  await scene.apply(scene.workload('2', 'short', inShop))
  const [app] = await scene.appsAre('1', superseded)
  if (app !== undefined) await scene.isStopped(app)
  await scene.workloadIs('1', superseded)
  await scene.holds('2')
  await scene.isQuiet()

  await scene.decideOn('app', 'passes')
  await scene.apply(scene.shop('2', 'app'))
  await scene.runs('2')
  await scene.appsAre('1', superseded)
  await scene.appsAre('2', completed)
  await scene.isQuiet()
  expect(scene.wasReleased('1')).toBe(false)
})

scenario("a user's app goes over to the next version in one step", async () => {
  const scene = sceneIn(installation, 'written-at-once')
  await scene.begin({ long: 'lasts', short: 'passes' })
  await scene.apply(scene.shop('1'), scene.workload('1', 'long', inShop))
  await scene.checkRuns('long')

  await scene.apply(scene.shop('2'), scene.workload('2', 'short', inShop))
  await scene.isStopped(await scene.workloadIs('1', superseded, 10_000))
  await scene.appsAre('1', superseded)
  await scene.runs('2')
  await scene.appsAre('2', completed)
  await scene.isQuiet()
  expect(scene.wasReleased('1')).toBe(false)
})

scenario('a rollback to what was released holds nothing, and checks the app alone', async () => {
  const scene = sceneIn(installation, 'undone')
  await scene.begin({ app: 'passes', short: 'passes', long: 'lasts' }, scene.appContext('app'))
  await scene.apply(scene.workload('1', 'short'))
  const [before] = await scene.runs('1')
  const released = await scene.workloadIs('1', completed)
  await scene.appsAre('1', completed)
  const tasks = (await scene.tasksOf(released)).map(({ metadata }) => metadata.uid)
  await scene.apply(scene.workload('2', 'long'))
  await scene.holds('2')
  await scene.checkRuns('long')

  await scene.kubectl('rollout', 'undo', 'deployment/web')
  await scene.isStopped(await scene.workloadIs('2', superseded, 10_000))
  await scene.appsAre('2', superseded)
  await scene.holdsNothing()
  const [after] = await scene.runs('1')
  expect(after?.metadata.uid).toBe(before?.metadata.uid)

  const [first, second] = await scene.appsAre('1', madeAgain, completed)
  const ofFirst = first === undefined ? [] : await scene.tasksOf(first)
  const ofSecond = second === undefined ? [] : await scene.tasksOf(second)
  expect(ofSecond.map(({ status }) => status?.status)).toEqual(['Succeeded'])
  expect(ofSecond[0]?.metadata.name).not.toBe(ofFirst[0]?.metadata.name)
  const again = await scene.tasksOf(await scene.workloadIs('1', completed))
  expect(again.map(({ metadata }) => metadata.uid)).toEqual(tasks)
  await scene.isQuiet()
  expect(scene.wasReleased('2')).toBe(false)
})

scenario('a rollback to what never was released begins its checks anew', async () => {
  const scene = sceneIn(installation, 'undone-anew')
  await scene.begin({ first: 'lasts', second: 'fails' })
  await scene.apply(scene.workload('1', 'first'))
  await scene.checkRuns('first')
  await scene.apply(scene.workload('2', 'second'))
  await scene.isStopped(await scene.workloadIs('1', superseded, 10_000))
  await scene.workloadIs('2', { ...checksFailed, attempt: 1 })
  await scene.holds('2')

  await scene.decideOn('first', 'passes')
  await scene.kubectl('rollout', 'undo', 'deployment/web')
  await scene.runs('1')
  const version = await scene.workloadIs('1', { ...completed, attempt: 2 })
  const tasks = await scene.tasksOf(version)
  expect(tasks.map(({ status }) => status?.status).toSorted()).toEqual(['Deprecated', 'Succeeded'])
  expect(new Set(tasks.map(({ metadata }) => metadata.name)).size).toBe(2)
  await eventually(async () => {
    const [newest] = (await scene.appVersionsWith('1')).toReversed()
    expect(newest?.status?.status).toBe('Succeeded')
  }, patient)
  await scene.holdsNothing()
  await scene.isQuiet()
  expect(scene.wasReleased('2')).toBe(false)
})

scenario('a rollback to what ran before the namespace was managed holds nothing', async () => {
  const scene = sceneIn(installation, 'undone-adopted')
  await scene.apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: scene.namespace },
  })
  await scene.apply(scene.workload('0', 'long'))
  const [before] = await scene.runs('0')
  await scene.begin({ long: 'lasts' })
  await eventually(async () => {
    const { metadata } = (await scene.client.get(Namespace, { name: scene.namespace })) ?? {}
    expect(metadata?.annotations?.[keys.managedSince]).toBeDefined()
    expect(parseReleased(metadata?.annotations?.[keys.released])?.size).toBe(1)
  }, patient)
  await scene.apply(scene.workload('1', 'long'))
  await scene.holds('1')
  await scene.checkRuns('long')

  await scene.kubectl('rollout', 'undo', 'deployment/web')
  await scene.isStopped(await scene.workloadIs('1', superseded, 10_000))
  await scene.appsAre('1', superseded)
  await scene.holdsNothing()
  const [after] = await scene.runs('0')
  expect(after?.metadata.uid).toBe(before?.metadata.uid)
  await scene.kubectl('scale', 'deployment/web', '--replicas=2')
  await scene.runs('0', 2)
  await scene.isQuiet()
  expect(scene.wasReleased('1')).toBe(false)
})

const set = (
  kind: 'StatefulSet' | 'DaemonSet',
  { workload }: Scene,
  [version, checkName]: readonly [version: string, checkName: string],
  spec: object = {},
): object => {
  const from = workload(version, checkName) as {
    readonly spec: { readonly selector: object; readonly template: object }
  }
  const { selector, template } = from.spec
  const own = kind === 'StatefulSet' ? { serviceName: 'web', replicas: 2 } : {}
  return { ...from, kind, spec: { selector, template, ...own, ...spec } }
}

for (const kind of ['StatefulSet', 'DaemonSet'] as const) {
  const count = kind === 'StatefulSet' ? 2 : 1

  scenario(`the second and third version of a ${kind} are held as the first is`, async () => {
    const scene = sceneIn(installation, `${kind.toLowerCase()}-versions`)
    await scene.begin({})
    for (const version of ['1', '2', '3']) {
      // A definition that is not there yet holds, until it is.
      const name = `check-${version}`
      await scene.apply(set(kind, scene, [version, name]))
      await scene.holds(version)
      await eventually(async () => {
        const { status } = await scene.workloadVersion(version)
        expect(findCondition(status?.conditions, conditionTypes.stalled)?.status).toBe('True')
      }, patient)
      await scene.holds(version)
      await scene.decideOn(name, 'passes')
      await scene.runs(version, count)
      await scene.workloadIs(version, completed)
    }
    await scene.isQuiet()
  })
}

scenario('a StatefulSet in parallel gives way, and goes back', async () => {
  const scene = sceneIn(installation, 'parallel')
  const parallel = { podManagementPolicy: 'Parallel' }
  await scene.begin({ short: 'passes', long: 'lasts' })
  await scene.apply(set('StatefulSet', scene, ['1', 'short'], parallel))
  await scene.runs('1', 2)
  await scene.workloadIs('1', completed)
  await scene.apply(set('StatefulSet', scene, ['2', 'long'], parallel))
  await scene.holds('2')
  await scene.checkRuns('long')

  await scene.apply(set('StatefulSet', scene, ['3', 'long'], parallel))
  await scene.isStopped(await scene.workloadIs('2', superseded, 10_000))
  await scene.appsAre('2', superseded)
  await scene.holds('3')
  await scene.checkRuns('long')

  await scene.kubectl('rollout', 'undo', 'statefulset/web', '--to-revision=1')
  await scene.isStopped(await scene.workloadIs('3', superseded, 10_000))
  await scene.appsAre('3', superseded)
  await scene.runs('1', 2)
  await scene.holdsNothing()
  await scene.isQuiet()
  expect(scene.wasReleased('2') || scene.wasReleased('3')).toBe(false)
})

scenario('a DaemonSet gives way, and goes back', async () => {
  const scene = sceneIn(installation, 'daemons')
  await scene.begin({ short: 'passes', long: 'lasts' })
  await scene.apply(set('DaemonSet', scene, ['1', 'short']))
  await scene.runs('1')
  await scene.workloadIs('1', completed)
  await scene.apply(set('DaemonSet', scene, ['2', 'long']))
  await scene.holds('2')
  await scene.checkRuns('long')

  await scene.apply(set('DaemonSet', scene, ['3', 'long']))
  await scene.isStopped(await scene.workloadIs('2', superseded, 10_000))
  await scene.appsAre('2', superseded)
  await scene.holds('3')
  await scene.checkRuns('long')

  await scene.kubectl('rollout', 'undo', 'daemonset/web', '--to-revision=1')
  await scene.runs('1')
  await scene.holdsNothing()
  await scene.isStopped(await scene.workloadIs('3', superseded, 10_000))
  await scene.appsAre('3', superseded)
  await scene.isQuiet()
  expect(scene.wasReleased('2') || scene.wasReleased('3')).toBe(false)
})

scenario('a StatefulSet in order waits for its held pod until somebody deletes it', async () => {
  const scene = sceneIn(installation, 'ordered')
  await scene.begin({ short: 'passes', long: 'lasts' })
  await scene.apply(set('StatefulSet', scene, ['1', 'short']))
  await scene.runs('1', 2)
  await scene.workloadIs('1', completed)
  await scene.apply(set('StatefulSet', scene, ['2', 'long']))
  await scene.holds('2')
  await scene.checkRuns('long')

  await scene.apply(set('StatefulSet', scene, ['3', 'short']))
  await stays(async () => {
    expectHeld(await scene.pods('2'))
    expect(await scene.pods('3')).toEqual([])
  }, 5_000)
  await scene.kubectl('delete', 'pod', 'web-1', '--wait=false')
  await scene.runs('3', 2)
  await scene.isStopped(await scene.workloadIs('2', superseded, 10_000))
  await scene.isQuiet()
  expect(scene.wasReleased('2')).toBe(false)
})

test('once all is done nothing is written, and nothing was tried again and again', async () => {
  expect(await settle(installation)).toEqual([])
}, 60_000)
