/** Leaving with everything running: by `helm uninstall`, and after somebody deleted our namespace alone. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Namespace } from '../../api/kubernetes.ts'
import { connectionOf, readKubeconfig } from '../../cli/kubeconfig.ts'
import { runReleaseAll } from '../../cli/release-all.ts'
import { systemNamespace } from '../../deploy/chart.ts'
import { toContainerd } from '../../deploy/delivery.ts'
import { deployGatekept } from '../../deploy/install.ts'
import { programFolder } from '../../deploy/options.ts'
import { keys } from '../../identity/keys.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import { hasPolicies } from './mode.ts'
import { testWithPolicies } from './with-policies.ts'
import { deployment, expectHeld, gatesOf, lookAt, managedNamespace, yaml } from './world.ts'

const patient = { timeoutMs: 90_000, everyMs: 300 }

/** What leaves most behind. */
const strictest = hasPolicies ? 'policy' : 'webhook'

let installation: Installation

beforeAll(async () => {
  installation = await install('leaving', { admission: strictest })
}, 300_000)
afterAll(() => installation.down(), 60_000)

/** Makes a namespace with a pod that waits for a check which nobody ever makes. */
const held = async (namespace: string): Promise<void> => {
  const annotations = { [keys.preDeploymentTasks]: 'never' }
  await installation.apply(
    yaml(managedNamespace(namespace), deployment({ namespace, annotations })),
  )
  await eventually(async () => {
    expectHeld(await lookAt(installation.client, namespace).pods())
    const found = await installation.client.get(Namespace, { name: namespace })
    expect(found?.metadata.annotations).toHaveProperty([keys.managedSince])
  }, patient)
}

const scale = (namespace: string, replicas: number): Promise<string> =>
  installation.cluster.kubectl([
    ...['scale', 'deployment/web', `--replicas=${replicas}`, '-n', namespace],
  ])

/** All pods run, those that were not asked for before as well, and nothing is noted anywhere. */
const expectFree = async (namespace: string, replicas: number): Promise<void> => {
  await scale(namespace, replicas)
  await eventually(async () => {
    const pods = await lookAt(installation.client, namespace).pods()
    expect(pods.flatMap(gatesOf)).toEqual([])
    expect(pods.map(({ status }) => status?.phase)).toEqual(Array(replicas).fill('Running'))
  }, patient)
  const { items } = await installation.client.list(Namespace)
  for (const { metadata } of items) {
    expect(metadata.annotations ?? {}).not.toHaveProperty([keys.managedSince])
    expect(metadata.annotations ?? {}).not.toHaveProperty([keys.released])
  }
}

/** Deletes our namespace as somebody might who wants to be rid of us; it can't end yet. */
const deleteNamespace = async (): Promise<void> => {
  const { kubectl } = installation.cluster
  await kubectl(['delete', 'namespace', systemNamespace, '--wait=false'])
  await eventually(async () => {
    expect(await kubectl(['get', 'pods', '-n', systemNamespace, '--output=name'])).toBe('')
  }, patient)
}

const namespaceIsGone = (): Promise<void> =>
  eventually(async () => {
    expect(await installation.client.get(Namespace, { name: systemNamespace })).toBeUndefined()
  }, patient)

const installAgain = (admission: 'policy' | 'webhook'): Promise<void> =>
  deployGatekept({
    connection: installation.connection,
    kubeconfig: installation.cluster.kubeconfig,
    values: { admission },
    deliver: toContainerd(
      installation.cluster.containerdSocket ?? '',
      join(programFolder(), 'ctr'),
    ),
  })

testWithPolicies(
  'under policies, a deleted namespace of ours holds pods for ever, until release-all',
  async () => {
    await held('by-policy')
    await deleteNamespace()
    await scale('by-policy', 2)
    await eventually(async () => {
      const pods = await lookAt(installation.client, 'by-policy').pods()
      expect(pods).toHaveLength(2)
      expectHeld(pods)
    }, patient)

    const { kubeconfig } = installation.cluster
    let output = ''
    const code = await runReleaseAll(
      {
        connect: (choice) => connectionOf(readKubeconfig(choice)),
        ownNamespace: undefined,
        print: (line) => (output += line),
        complain: (line) => (output += line),
        pause: () => sleep(2_000),
      },
      ['--kubeconfig', kubeconfig],
    )
    expect(output).toContain('Let 2 held pods go: 2 in by-policy.')
    expect(code).toBe(0)
    await expectFree('by-policy', 3)
    await namespaceIsGone()
  },
  300_000,
)

test('under the webhook it refuses pods, until the commands of the docs are run', async () => {
  await installAgain('webhook')
  await held('by-webhook')
  await deleteNamespace()
  await scale('by-webhook', 2)
  const { kubectl, kubeconfig } = installation.cluster
  await eventually(async () => {
    const why =
      '--output=jsonpath={.items[*].status.conditions[?(@.type=="ReplicaFailure")].message}'
    const failures = await kubectl(['get', 'replicasets', '-n', 'by-webhook', why])
    expect(failures).toContain('failed calling webhook "mpod.keptn.sh"')
  }, patient)

  const docs = await readFile(join(import.meta.dirname, '../../docs/leaving.md'), 'utf8')
  const [script = ''] = docs.split('```shell\n').slice(-1)
  const env = {
    ...process.env,
    KUBECONFIG: kubeconfig,
    PATH: `${programFolder()}:${process.env['PATH'] ?? ''}`,
  }
  await promisify(execFile)('sh', ['-c', script.split('```')[0] ?? ''], { env })
  await expectFree('by-webhook', 3)
  await namespaceIsGone()
}, 300_000)

test('helm uninstall lets all pods go first, though everything runs and guards them', async () => {
  await installAgain(strictest)
  await held('by-helm')
  const { helm, kubectl } = installation.cluster
  await helm(['uninstall', 'gatekept', `--namespace=${systemNamespace}`, '--wait'])
  await expectFree('by-helm', 2)
  const left = await kubectl([
    'get',
    'jobs,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings',
    ...['--all-namespaces', '--output=name', '-l', 'app.kubernetes.io/part-of=keptn'],
  ])
  expect(left).toBe('')
}, 300_000)
