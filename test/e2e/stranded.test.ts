/** What people delete, replace or make twice: nothing that is held is let go by it, and nothing is held for ever. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KeptnApp, KeptnWorkloadVersion } from '../../api/index.ts'
import type { Pod } from '../../api/kubernetes.ts'
import { gateName } from '../../identity/keys.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import {
  deployment,
  expectHeld,
  gatesOf,
  lookAt,
  managedNamespace,
  stays,
  task,
  yaml,
} from './world.ts'

/** An automatic app opened the gate within four seconds. */
const whileMs = 8_000
const inShop = { 'keptn.sh/app': 'shop' }

let installation: Installation

beforeAll(async () => {
  installation = await install('stranded')
}, 300_000)

afterAll(async () => {
  await installation.down()
}, 60_000)

const kubectl = (args: readonly string[], input?: string): Promise<string> =>
  installation.cluster.kubectl([...args], input)

const expectReleased = (pods: readonly Pod[], count: number): void => {
  expect(pods).toHaveLength(count)
  expect(pods.flatMap(gatesOf)).not.toContain(gateName)
}

const areReleased = (namespace: string, count: number, prefix: string): Promise<void> =>
  eventually(
    async () => {
      const pods = await lookAt(installation.client, namespace).pods(prefix)
      expectReleased(
        pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined),
        count,
      )
    },
    { timeoutMs: 40_000, everyMs: 250 },
  )

test("a user's app that is replaced or deleted lets nothing go", async () => {
  const namespace = 'replaced'
  const { apply, client } = installation
  const { appVersionIs, event, pods } = lookAt(client, namespace)
  const app = yaml({
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnApp',
    metadata: { name: 'shop', namespace },
    spec: {
      version: '1',
      workloads: [{ name: 'web', version: '1.0.0' }],
      preDeploymentTasks: ['fail'],
    },
  })
  const versionSays = (reason: string): Promise<void> =>
    eventually(
      async () => {
        const at = { namespace, name: 'shop-web-1.0.0' }
        const version = (await client.get(KeptnWorkloadVersion, at)) as KeptnWorkloadVersion
        expect(version.status?.conditions?.map((condition) => condition.reason)).toContain(reason)
      },
      { timeoutMs: 30_000 },
    )
  await apply(
    yaml(managedNamespace(namespace), task(namespace, 'fail', 'Deno.exit(1)')) + '---\n' + app,
  )
  await apply(yaml(deployment({ namespace, annotations: inShop })))
  await appVersionIs('Failed')
  await versionSays('AppFailed')

  await kubectl(['replace', '--force', '-f', '-'], app)
  await stays(async () => {
    expectHeld(await pods())
  }, whileMs)
  await versionSays('AppFailed')

  await kubectl(['delete', 'keptnapp', 'shop', '-n', namespace])
  await versionSays('AppDeleted')
  expect((await event('AppDeleted')).type).toBe('Warning')
  await stays(async () => {
    expectHeld(await pods())
    expect(await client.get(KeptnApp, { namespace, name: 'shop' })).toBeUndefined()
  }, whileMs)

  // What the message promises.
  await kubectl(['delete', 'keptnworkloadversion', 'shop-web-1.0.0', '-n', namespace])
  await areReleased(namespace, 1, 'web-')
}, 150_000)

test('workloads that are deleted in the foreground and applied again are let go', async () => {
  const namespace = 'applied-again'
  const { apply } = installation
  const names = ['web-a', 'web-b', 'web-c', 'web-d', 'web-e']
  const deployments = yaml(...names.map((name) => deployment({ namespace, name })))
  await apply(yaml(managedNamespace(namespace)))
  await apply(deployments)
  await areReleased(namespace, names.length, 'web-')

  await kubectl([
    'delete',
    'deploy',
    '--all',
    '-n',
    namespace,
    '--cascade=foreground',
    '--wait=false',
  ])
  await eventually(() => apply(deployments), { timeoutMs: 20_000 })
  // What was still on its way out when it was applied has to be applied once more.
  await eventually(
    async () => {
      const left = await kubectl(['get', 'deploy', '-n', namespace, '-o', 'name'])
      if (left.trim().split('\n').length < names.length) await apply(deployments)
      const { pods } = lookAt(installation.client, namespace)
      expectReleased(
        (await pods()).filter(({ metadata }) => metadata.deletionTimestamp === undefined),
        names.length,
      )
    },
    { timeoutMs: 40_000, everyMs: 500 },
  )
}, 120_000)

test('pods whose KeptnWorkload is deleted in the foreground go through their checks again', async () => {
  const namespace = 'workload-deleted'
  const { apply, client } = installation
  const { pods, workloads } = lookAt(client, namespace)
  const check = { 'keptn.sh/pre-deployment-tasks': 'check' }
  await apply(yaml(managedNamespace(namespace), deployment({ namespace, annotations: check })))
  await eventually(
    async () => {
      expect(await workloads()).toHaveLength(1)
      expectHeld(await pods())
    },
    { timeoutMs: 30_000 },
  )

  await kubectl(['delete', 'keptnworkload', 'web-web', '-n', namespace, '--cascade=foreground'])
  await apply(yaml(task(namespace, 'check', 'console.log("fine")')))
  await areReleased(namespace, 1, 'web-')
}, 90_000)

test('two owners of one workload are both let go, at the same version and at different ones', async () => {
  const namespace = 'two-owners'
  const { apply } = installation
  const owner = (name: string, workload: string, version: string): object =>
    deployment({
      namespace,
      name,
      annotations: { ...inShop, 'keptn.sh/workload': workload, 'keptn.sh/version': version },
    })
  await apply(yaml(managedNamespace(namespace)))
  await apply(
    yaml(
      owner('web-1', 'same', '1'),
      owner('web-2', 'same', '1'),
      owner('web-3', 'other', '1'),
      owner('web-4', 'other', '2'),
    ),
  )
  await areReleased(namespace, 4, 'web-')
}, 90_000)
