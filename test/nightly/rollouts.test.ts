/**
 * Workloads of Argo Rollouts, with its own controller. Gatekept is there first: the kind is installed while it runs.
 */
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KeptnWorkloadVersion } from '../../api/index.ts'
import { CustomResourceDefinition, Pod, Rollout } from '../../api/kubernetes.ts'
import { gateName, keys } from '../../identity/keys.ts'
import { readAudit } from '../e2e/audit.ts'
import { install, type Installation } from '../e2e/installation.ts'
import { expectHeld, gatesOf, stays, task, yaml } from '../e2e/world.ts'
import { namespaceYaml } from '../e2e/workloads.ts'
import { eventually } from '../eventually.ts'
import { ensureArgoRollouts, runArgoRollouts } from './argo-rollouts.ts'
import { kindsAreServed } from '../kinds.ts'

let world: Installation
let doors: Doors
let endArgo: () => Promise<void> = () => Promise.resolve()

const namespaces = ['canary', 'refused', 'aborted', 'preview']

beforeAll(async () => {
  const argo = await ensureArgoRollouts()
  // Gatekept is ready when this resolves, and there is no such kind yet.
  world = await install('rollouts')
  const { items } = await world.client.list(CustomResourceDefinition)
  expect(items.filter(({ metadata }) => metadata.name.endsWith('.argoproj.io'))).toEqual([])
  await world.cluster.kubectl(['create', '-k', argo.definitions])
  await kindsAreServed(world.cluster)
  endArgo = runArgoRollouts(argo, world.cluster)
  doors = await startDoors(world.cluster.hostAddress)
  await world.apply(
    [
      ...namespaces.map((name) => namespaceYaml(name)),
      yaml(...namespaces.map((name) => task(name, 'wait', doors.wait(name)))),
    ].join('---\n'),
  )
}, 900_000)

afterAll(async () => {
  doors.close()
  await endArgo()
  await world.down()
}, 60_000)

/** What tasks wait for: one door a namespace, shut until a test opens it. */
interface Doors {
  /** The code of a task that ends when the door is open. */
  readonly wait: (name: string) => string
  readonly open: (name: string) => void
  readonly shut: (name: string) => void
  readonly close: () => Server
}

const startDoors = async (host: string): Promise<Doors> => {
  const open = new Set<string>()
  const server = createServer((request, response) => {
    response.statusCode = open.has(request.url?.slice(1) ?? '') ? 200 : 503
    response.end()
  }).listen(0, host)
  await once(server, 'listening')
  const url = `http://${host}:${(server.address() as AddressInfo).port}`
  return {
    wait: (name) =>
      `while ((await fetch('${url}/${name}')).status !== 200) await new Promise((r) => setTimeout(r, 200))`,
    open: (name) => void open.add(name),
    shut: (name) => void open.delete(name),
    close: () => server.close(),
  }
}

/** A Rollout as a user writes it. */
interface Wanted {
  readonly namespace: string
  readonly version: string
  readonly check?: 'check' | 'refuse' | 'wait'
  readonly replicas?: number
  readonly strategy: object
  /** Who says what the pods are: their template, or the Rollout. */
  readonly saidBy?: 'template' | 'rollout'
}

/** Half of the pods, then nothing until somebody promotes it. */
const halfAndPause = { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } }

const rolloutYaml = (wanted: Wanted): string => {
  const { namespace, version, check = 'check', replicas = 2, saidBy = 'template' } = wanted
  const said = {
    [keys.workload]: 'web',
    [keys.version]: version,
    [keys.preDeploymentTasks]: check,
    [keys.postDeploymentTasks]: 'check',
  }
  return yaml({
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    metadata: { name: 'web', namespace, annotations: saidBy === 'rollout' ? said : {} },
    spec: {
      replicas,
      strategy: wanted.strategy,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: {
          labels: { app: 'web' },
          annotations: saidBy === 'template' ? said : { 'example.com/build': version },
        },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', image: 'localhost/pause:1', imagePullPolicy: 'Never' }],
        },
      },
    },
  })
}

const service = (namespace: string, name: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
})

const patient = { timeoutMs: 60_000, everyMs: 200 }

const podsOf = async (namespace: string, version: string): Promise<readonly Pod[]> =>
  (await world.client.list(Pod, { namespace, labelSelector: 'app=web' })).items.filter(
    ({ metadata }) =>
      metadata.annotations?.[keys.version] === version && metadata.deletionTimestamp === undefined,
  )

const awaitHeld = (namespace: string, version: string, count: number): Promise<void> =>
  eventually(async () => {
    const pods = await podsOf(namespace, version)
    expect(pods).toHaveLength(count)
    expectHeld(pods)
  }, patient)

const isRunning = ({ status }: Pod): boolean => status?.phase === 'Running'

const running = async (namespace: string, version: string): Promise<number> =>
  (await podsOf(namespace, version)).filter(isRunning).length

/** Waits until exactly as many pods of each version run, and there are no others. */
const awaitRunning = (namespace: string, counts: Readonly<Record<string, number>>): Promise<void> =>
  eventually(async () => {
    for (const [version, count] of Object.entries(counts)) {
      expect(await podsOf(namespace, version)).toHaveLength(count)
      expect(await running(namespace, version)).toBe(count)
    }
  }, patient)

const versionOf = async (
  namespace: string,
  version: string,
): Promise<KeptnWorkloadVersion['status']> =>
  (await world.client.list(KeptnWorkloadVersion, { namespace })).items.find(
    ({ spec }) => spec.version === version,
  )?.status

const awaitCompleted = (namespace: string, version: string): Promise<void> =>
  eventually(async () => {
    const status = await versionOf(namespace, version)
    expect([status?.currentPhase, status?.status]).toEqual(['Completed', 'Succeeded'])
  }, patient)

/** Waits until the version is being deployed, and says what its Rollout does. */
const awaitDeploying = (namespace: string, version: string, words: string): Promise<void> =>
  eventually(async () => {
    const status = await versionOf(namespace, version)
    expect(status?.deploymentStatus).toBe('Progressing')
    expect(JSON.stringify(status?.conditions)).toContain(words)
  }, patient)

const awaitPhase = (namespace: string, phase: string): Promise<void> =>
  eventually(async () => {
    const rollout = await world.client.get(Rollout, { namespace, name: 'web' })
    expect(rollout?.status?.phase).toBe(phase)
  }, patient)

/** What `kubectl argo rollouts promote` and `abort` do. */
const tell = (namespace: string, status: object): Promise<string> =>
  world.cluster.kubectl([
    ...['patch', 'rollout', 'web', `--namespace=${namespace}`, '--subresource=status'],
    ...['--type=merge', '--patch', JSON.stringify({ status })],
  ])
const promote = (namespace: string) => tell(namespace, { pauseConditions: null })
const abort = (namespace: string) => tell(namespace, { abort: true })

/** Whether the pods of a version were created with our gate, in the order in which they were. */
const gatesAtCreation = (namespace: string, version: string): readonly boolean[] =>
  readAudit(
    world.cluster.auditLog,
    (write) =>
      write.verb === 'create' && write.resource === 'pods' && write.namespace === namespace,
  )
    .map(({ object }) => object as Pod)
    .filter(({ metadata }) => metadata.labels?.['app'] === 'web')
    .filter(({ metadata }) => metadata.annotations?.[keys.version] === version)
    .map((pod) => gatesOf(pod).includes(gateName))

test('a canary is held until its check has passed, and is done when its Rollout says so', async () => {
  const at = { namespace: 'canary', check: 'wait', strategy: halfAndPause } as const
  await world.apply(rolloutYaml({ ...at, version: '1' }))
  await awaitHeld('canary', '1', 2)
  doors.open('canary')
  await awaitCompleted('canary', '1')
  await awaitRunning('canary', { 1: 2 })

  doors.shut('canary')
  await world.apply(rolloutYaml({ ...at, version: '2' }))
  await awaitHeld('canary', '2', 1)
  await stays(async () => {
    expectHeld(await podsOf('canary', '2'))
    expect(await running('canary', '1')).toBe(2)
  }, 3_000)

  doors.open('canary')
  await awaitRunning('canary', { 1: 1, 2: 1 })
  await awaitPhase('canary', 'Paused')
  await awaitDeploying('canary', '2', 'the Rollout is Paused: CanaryPauseStep')
  // All that its ReplicaSet wants is there, and still it is half of it.
  await stays(async () => {
    expect((await versionOf('canary', '2'))?.deploymentStatus).toBe('Progressing')
  }, 2_000)

  await promote('canary')
  await awaitCompleted('canary', '2')
  await awaitRunning('canary', { 1: 0, 2: 2 })
  await awaitPhase('canary', 'Healthy')
}, 180_000)

test('a check that fails holds the new pods while the stable ones serve, and going back needs no check', async () => {
  const at = { namespace: 'refused', strategy: halfAndPause }
  await world.apply(rolloutYaml({ ...at, version: '1' }))
  await awaitCompleted('refused', '1')

  await world.apply(rolloutYaml({ ...at, version: '2', check: 'refuse' }))
  await eventually(async () => {
    expect((await versionOf('refused', '2'))?.status).toBe('Failed')
  }, patient)
  await stays(async () => {
    expectHeld(await podsOf('refused', '2'))
    expect(await running('refused', '1')).toBe(2)
  }, 3_000)

  await world.apply(rolloutYaml({ ...at, version: '1' }))
  await awaitPhase('refused', 'Healthy')
  await awaitRunning('refused', { 1: 2, 2: 0 })
  expect(gatesAtCreation('refused', '1')).toEqual([true, true])
}, 180_000)

test('an aborted canary brings the stable pods back at once, and is not taken for deployed', async () => {
  const at = { namespace: 'aborted', strategy: halfAndPause, replicas: 4 }
  await world.apply(rolloutYaml({ ...at, version: '1' }))
  await awaitCompleted('aborted', '1')
  await world.apply(rolloutYaml({ ...at, version: '2' }))
  await awaitRunning('aborted', { 1: 2, 2: 2 })
  await awaitDeploying('aborted', '2', 'the Rollout is Paused')

  await abort('aborted')
  await awaitRunning('aborted', { 1: 4, 2: 0 })
  expect(gatesAtCreation('aborted', '1')).toEqual([true, true, true, true, false, false])
  await awaitDeploying('aborted', '2', 'the Rollout is Degraded: RolloutAborted')
  await stays(async () => {
    expect((await versionOf('aborted', '2'))?.deploymentStatus).toBe('Progressing')
  }, 2_000)

  // Undone, it is what a Deployment's is: replaced, with nothing left to wait for.
  await world.apply(rolloutYaml({ ...at, version: '1' }))
  await awaitPhase('aborted', 'Healthy')
  await awaitCompleted('aborted', '2')
  await awaitRunning('aborted', { 1: 4, 2: 0 })
}, 180_000)

test('the preview of a blue/green Rollout that names its own workload is held like any new version', async () => {
  const blueGreen = {
    ...{ activeService: 'active', previewService: 'preview', autoPromotionEnabled: false },
    scaleDownDelaySeconds: 3,
  }
  const at = { namespace: 'preview', check: 'wait', strategy: { blueGreen } } as const
  await world.apply(yaml(service('preview', 'active'), service('preview', 'preview')))
  doors.open('preview')
  await world.apply(rolloutYaml({ ...at, version: '1', saidBy: 'rollout' }))
  await awaitCompleted('preview', '1')

  doors.shut('preview')
  await world.apply(rolloutYaml({ ...at, version: '2', saidBy: 'rollout' }))
  await awaitHeld('preview', '2', 2)
  await stays(async () => {
    expectHeld(await podsOf('preview', '2'))
    expect(await running('preview', '1')).toBe(2)
  }, 3_000)

  doors.open('preview')
  await awaitRunning('preview', { 1: 2, 2: 2 })
  await awaitDeploying('preview', '2', 'the Rollout is Paused: BlueGreenPause')
  await promote('preview')
  await awaitCompleted('preview', '2')
  await awaitRunning('preview', { 1: 0, 2: 2 })
}, 180_000)
