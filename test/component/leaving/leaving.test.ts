/** Leaving a cluster that has the chart's policies, webhook and held pods, where nothing of ours runs. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { runReleaseAll } from '../../../cli/release-all.ts'
import { connectionOf, readKubeconfig } from '../../../cli/kubeconfig.ts'
import { Namespace, Pod } from '../../../api/kubernetes.ts'
import { obstaclesIn } from '../../../gate/leaving/obstacles.ts'
import { heldLabel } from '../../../gate/held-pods.ts'
import { gateName, keys } from '../../../identity/keys.ts'
import type { Connection } from '../../../kube/connection.ts'
import { eventually } from '../../eventually.ts'
import { connectionAs, installRights } from '../account.ts'
import { home, startWorld, tryPod, type World } from '../policies/world.ts'

const foreignGate = 'example.org/quota'
const namespaces = ['cart', 'shop', 'stock']

let world: World

beforeAll(async () => {
  world = await startWorld('release-all')
  await installRights(world.cluster)
}, 300_000)
afterAll(() => world.close())

const owner = {
  ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs-1', controller: true },
}

/** As its owner would make it. */
const podOf = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { [keys.workload]: 'web' }, ownerReferences: [owner] },
  spec: {
    containers: [{ name: 'main', image: 'example.org/web:1' }],
    schedulingGates: [{ name: foreignGate }],
  },
})

/** The whole chart but for what runs: with the policies, or with the webhook alone. */
const installed = async (admission: 'policy' | 'webhook'): Promise<void> => {
  const chart = 'manifests/chart'
  const rendered = await world.cluster.helm([
    ...['template', 'gatekept', chart, `--namespace=${home}`, `--set=admission=${admission}`],
    ...['--set=guard.enabled=always', '--no-hooks'],
  ])
  const wanted = rendered
    .split(/^---$/m)
    .filter((text) =>
      /^kind: (\w+(Policy|PolicyBinding|WebhookConfiguration)|APIService)$/m.test(text),
    )
    .filter((text) => /admissionregistration|apiregistration/.test(text))
  await world.cluster.kubectl(['apply', '--filename=-'], wanted.join('---\n'))
}

/** Three namespaces with a held pod each; one without its label, and all with a gate that isn't ours. */
const heldPods = async (suffix: string): Promise<readonly string[]> => {
  const names = namespaces.map((name) => `${name}-${suffix}`)
  for (const name of names) {
    await world.managed(name, 'v1 rs-other')
    const isLabelled = !name.startsWith('stock')
    await world.client.create(Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      // Without an owner: one that isn't there would take it along.
      metadata: {
        namespace: name,
        name: 'web',
        labels: {
          [keys.workload]: 'web',
          ...(isLabelled ? { [keys.gated]: 'true', [heldLabel]: 'true' } : {}),
        },
      },
      spec: {
        containers: [{ name: 'main', image: 'example.org/web:1' }],
        schedulingGates: [{ name: foreignGate }, { name: gateName }],
      },
    })
  }
  return names
}

const gatesIn = async (namespace: string): Promise<readonly string[]> => {
  const { items } = await world.client.list(Pod, { namespace })
  return items.flatMap(({ spec }) => (spec.schedulingGates ?? []).map(({ name }) => name))
}

interface Said {
  code: number
  output: string
  complaint: string
}

const releaseAll = async (
  args: readonly string[] = [],
  more: { readonly connection?: Connection; readonly pause?: () => Promise<unknown> } = {},
): Promise<Said> => {
  const said: Said = { code: 0, output: '', complaint: '' }
  said.code = await runReleaseAll(
    {
      connect: async (choice) =>
        more.connection ??
        connectionOf(readKubeconfig({ kubeconfig: world.cluster.kubeconfig, ...choice })),
      ownNamespace: undefined,
      print: (line) => (said.output += line),
      complain: (line) => (said.complaint += line),
      pause: more.pause ?? (() => sleep(1_500)),
    },
    args,
  )
  return said
}

const present = async (): Promise<readonly string[]> => {
  const found = []
  for (const { type, ...at } of obstaclesIn(home)) {
    if ((await world.client.get(type, at)) !== undefined) found.push(`${type.kind} ${at.name}`)
  }
  return found
}

/** Nothing holds and nothing refuses: new pods come as they were asked for, and may be changed. */
const expectFree = async (names: readonly string[]): Promise<void> => {
  expect(await present()).toEqual([])
  for (const namespace of names) {
    expect(await gatesIn(namespace)).toEqual([foreignGate])
    expect(await tryPod(world.client, namespace, podOf('new'))).toMatchObject({
      gates: [foreignGate],
    })
    const { items } = await world.client.list(Pod, { namespace })
    expect(items[0]?.metadata.labels).toEqual({ [keys.workload]: 'web' })
    const noted = (await world.client.get(Namespace, { name: namespace }))?.metadata.annotations
    expect(noted ?? {}).not.toHaveProperty([keys.released])
  }
}

test('lets all pods go in policy mode, though the guard forbids it, and may be run again', async () => {
  const names = await heldPods('policy')
  await installed('policy')
  await eventually(async () => {
    expect(await tryPod(world.client, names[0] ?? '', podOf('new'))).toMatchObject({
      gates: [foreignGate, gateName],
    })
  })

  const preview = await releaseAll(['--dry-run'])
  expect(preview.output).toMatch(/Would let 3 held pods go: 1 in \S+, 1 in \S+, 1 in \S+\./)
  expect(await gatesIn(names[0] ?? '')).toContain(gateName)
  expect(await present()).not.toEqual([])

  const said = await releaseAll()
  expect(said).toMatchObject({ code: 0, complaint: '' })
  expect(said.output).toMatch(/Let 3 held pods go: .*\n[^]*No pod is held any more\.\n$/)
  await expectFree(names)

  const again = await releaseAll()
  expect(again.code).toBe(0)
  expect(again.output).toContain('Let 0 held pods go.')
})

test('leaves the webhooks and policies of others alone, though one has our name', async () => {
  const names = await heldPods('webhook')
  await installed('webhook')
  await eventually(async () => {
    expect(await tryPod(world.client, names[0] ?? '', podOf('new'))).toHaveProperty('refused')
  })
  const foreign = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: { name: istio, labels: { app.kubernetes.io/part-of: keptn } }
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: gatekept-notes }
spec:
  matchConstraints:
    resourceRules:
      - { apiGroups: [example.org], apiVersions: ['*'], operations: [CREATE], resources: [things] }
  validations: [{ expression: 'true' }]
`
  await world.cluster.kubectl(['delete', 'validatingadmissionpolicy', 'gatekept-notes'])
  await world.cluster.kubectl(['apply', '--filename=-'], foreign)

  expect(await releaseAll()).toMatchObject({ code: 0 })
  expect(await present()).toEqual(['ValidatingAdmissionPolicy gatekept-notes'])
  const others = await world.cluster.kubectl([
    'get',
    'mutatingwebhookconfiguration',
    '--output=name',
  ])
  expect(others).toContain('/istio')
  await world.cluster.kubectl(['delete', 'mutatingwebhookconfiguration/istio'])
  await world.cluster.kubectl(['delete', 'validatingadmissionpolicy/gatekept-notes'])
  await expectFree(names)
})

test('goes on after it was killed half-way, with the rights of the hook of the chart', async () => {
  const names = await heldPods('killed')
  await installed('policy')
  const connection = await connectionAs(world.cluster, 'release-all')
  const killed = new Error('killed')
  const dying = releaseAll([], { connection, pause: () => Promise.reject(killed) })
  await expect(dying).rejects.toBe(killed)

  expect(await releaseAll([], { connection })).toMatchObject({ code: 0, complaint: '' })
  await expectFree(names)
})

test('says which rights are missing, and does nothing then', async () => {
  const names = await heldPods('rights')
  await installed('policy')
  const { kubectl } = world.cluster
  await kubectl(['create', 'serviceaccount', 'weak', `--namespace=${home}`])
  await kubectl([
    'create',
    'clusterrole',
    'weak',
    '--verb=list,patch',
    '--resource=namespaces,pods',
  ])
  await kubectl([
    ...['create', 'clusterrolebinding', 'weak', '--clusterrole=weak'],
    `--serviceaccount=${home}:weak`,
  ])
  const said = await releaseAll([], { connection: await connectionAs(world.cluster, 'weak') })
  expect(said).toMatchObject({ code: 1, output: '' })
  expect(said.complaint).toContain('Nothing was done. You may not:\n')
  expect(said.complaint).toContain('  patch pods/status in all namespaces\n')
  expect(said.complaint).toContain(
    '  delete mutatingadmissionpolicies.admissionregistration.k8s.io "gatekept-hold"\n',
  )
  expect(said.complaint).not.toContain('  list pods')
  expect(await gatesIn(names[0] ?? '')).toContain(gateName)
  expect(await present()).not.toEqual([])
})

test('what it deletes is all that the chart has of those kinds', async () => {
  const found = new Set<string>()
  for (const admission of ['policy', 'webhook']) {
    const rendered = await world.cluster.helm([
      ...['template', 'gatekept', 'manifests/chart', `--namespace=${home}`],
      ...[`--set=admission=${admission}`, '--set=guard.enabled=always', '--no-hooks'],
    ])
    for (const text of rendered.split(/^---$/m)) {
      const kind = /^kind: (\w+)$/m.exec(text)?.[1] ?? ''
      const name = /^metadata:\n(?: {2}namespace: .*\n)? {2}name: (\S+)$/m.exec(text)?.[1] ?? ''
      const group = /^apiVersion: (\S+)\//m.exec(text)?.[1] ?? ''
      if (/^(admission|api)registration/.test(group)) found.add(`${kind} ${name}`)
    }
  }
  const known = obstaclesIn(home).filter(({ namespace }) => namespace === undefined)
  expect([...found].sort()).toEqual(known.map(({ type, name }) => `${type.kind} ${name}`).sort())
})
