/** What Helm installs and upgrades: an app like any other, and what its checks refuse Helm takes back. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KeptnAppVersion } from '../../api/index.ts'
import { run } from '../cluster/run.ts'
import { startCheckpoint, type Checkpoint } from '../e2e/checkpoint.ts'
import { install, type Installation } from '../e2e/installation.ts'
import { deployment, expectHeld, lookAt, managedNamespace, task, yaml } from '../e2e/world.ts'
import { eventually } from '../eventually.ts'
import { ensureProgram } from './built-program.ts'

const namespace = 'shop'
const patient = { timeoutMs: 60_000, everyMs: 200 }

let world: Installation
let checkpoint: Checkpoint
let program: string
let chart: string

beforeAll(async () => {
  ;({ program } = await ensureProgram({
    module: 'helm.sh/helm/v3',
    version: 'v3.19.0',
    sum: 'h1:krVyCGa8fa/wzTZgqw0DUiXuRT5BPdeqE/sQXujQ22k=',
    main: './cmd/helm',
    name: 'helm',
  }))
  world = await install('helm')
  checkpoint = await startCheckpoint(world.cluster)
  chart = await writeChart(world.folder)
  await world.apply(
    yaml(
      managedNamespace(namespace),
      checkpoint.definition(namespace, 'pre'),
      checkpoint.definition(namespace, 'post'),
      task(namespace, 'refuse', 'Deno.exit(1)'),
      {
        apiVersion: 'lifecycle.keptn.sh/v1',
        kind: 'KeptnAppContext',
        metadata: { name: 'shop', namespace },
        spec: { preDeploymentTasks: ['pre'], postDeploymentTasks: ['post'] },
      },
    ),
  )
}, 900_000)

afterAll(async () => {
  checkpoint.close()
  await world.down()
}, 60_000)

/** A chart of two Deployments of one app, with the labels that Helm recommends, at a version and with checks that are given. */
const writeChart = async (folder: string): Promise<string> => {
  const path = join(folder, 'shop')
  const labels = {
    'app.kubernetes.io/managed-by': '{{ .Release.Service }}',
    'app.kubernetes.io/part-of': 'shop',
  }
  const templates = ['cart', 'web'].map((name) => {
    const object = deployment({
      namespace,
      name,
      annotations: {
        'keptn.sh/app': 'shop',
        'keptn.sh/version': '{{ .Values.version }}',
        'keptn.sh/pre-deployment-tasks': '{{ .Values.checks }}',
      },
    }) as { readonly metadata: object }
    return { ...object, metadata: { ...object.metadata, labels } }
  })
  await mkdir(join(path, 'templates'), { recursive: true })
  await writeFile(
    join(path, 'Chart.yaml'),
    yaml({ apiVersion: 'v2', name: 'shop', version: '1.0.0' }),
  )
  await writeFile(join(path, 'values.yaml'), yaml({ version: '1', checks: '' }))
  await writeFile(join(path, 'templates', 'all.yaml'), yaml(...templates))
  return path
}

const helm = (args: readonly string[]): Promise<string> =>
  run([program, '--kubeconfig', world.cluster.kubeconfig, '-n', namespace, ...args], {
    timeoutMs: 120_000,
  })

const pods = () => lookAt(world.client, namespace).pods('')

const workloadPods = async () =>
  (await pods()).filter(
    ({ metadata }) =>
      metadata.labels?.['app'] !== undefined && metadata.deletionTimestamp === undefined,
  )

const areRunning = (version: string): Promise<void> =>
  eventually(async () => {
    const running = await workloadPods()
    expect(running.map(({ status }) => status?.phase)).toEqual(['Running', 'Running'])
    for (const { metadata } of running) {
      expect(metadata.annotations?.['keptn.sh/version']).toBe(version)
    }
  }, patient)

/** The app versions, the oldest first: what each lists, and what became of it. */
const appVersions = async (): Promise<readonly string[]> => {
  const { items } = await world.client.list(KeptnAppVersion, { namespace })
  return items
    .toSorted((one, other) => (one.spec.generation ?? 0) - (other.spec.generation ?? 0))
    .map(({ spec, status }) => {
      const listed = (spec.workloads ?? []).map(({ name, version }) => `${name} ${version}`)
      return `${listed.join(', ')}: ${status?.status ?? ''}`
    })
}

test('a release is one app version, and Helm waits for its checks', async () => {
  const installed = helm(['install', 'shop', chart, '--wait', '--timeout=60s'])
  await eventually(() => {
    expect(checkpoint.ran(namespace)).toEqual(['pre'])
  }, patient)
  expectHeld(await workloadPods())
  checkpoint.open(namespace, 'pre', 'post')
  await installed
  await areRunning('1')
  await eventually(async () => {
    expect(await appVersions()).toEqual(['cart 1, web 1: Succeeded'])
  }, patient)
  expect(checkpoint.ran(namespace)).toEqual(['pre', 'post'])
}, 150_000)

test('an upgrade whose checks fail is taken back by Helm, and what ran before runs on', async () => {
  const before = (await workloadPods()).map(({ metadata }) => metadata.uid)
  const upgrade = ['upgrade', 'shop', chart, '--set', 'version=2,checks=refuse']
  await expect(helm([...upgrade, '--atomic', '--timeout=30s'])).rejects.toThrow('rolled back')
  await areRunning('1')
  expect((await workloadPods()).map(({ metadata }) => metadata.uid).toSorted()).toEqual(
    before.toSorted(),
  )
  await eventually(async () => {
    const versions = await appVersions()
    expect(versions).toContain('cart 2, web 2: Failed')
    expect(versions.at(-1)).toBe('cart 1, web 1: Succeeded')
  }, patient)
}, 150_000)
