/**
 * The chart is upgraded, rolled back, uninstalled and installed again by Helm while a version is held: who adds the gate
 * changes meanwhile, and pods are made all the time. Whether one came without its gate is read from the API server's audit log.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { KeptnWorkloadVersion } from '../../api/index.ts'
import { APIService, MutatingWebhookConfiguration, Secret, type Pod } from '../../api/kubernetes.ts'
import { createAuthority, issueServerCertificate } from '../../certs/authority.ts'
import { systemNamespace, type Values } from '../../deploy/chart.ts'
import { toContainerd } from '../../deploy/delivery.ts'
import { deployGatekept } from '../../deploy/install.ts'
import { programFolder } from '../../deploy/options.ts'
import { apiServiceNames, gateName, keys, webhookConfigurationName } from '../../identity/keys.ts'
import { eventually } from '../eventually.ts'
import { readAudit } from './audit.ts'
import { install, type Installation } from './installation.ts'
import { hasPolicies } from './mode.ts'
import { deployment, expectHeld, gatesOf, lookAt, managedNamespace, task, yaml } from './world.ts'

const namespace = 'shop'
const patient = { timeoutMs: 120_000, everyMs: 300 }
/** Who adds the gate at first, where the cluster leaves a choice. */
const first = hasPolicies ? 'policy' : 'webhook'

let world: Installation
let replicas = 1

beforeAll(async () => {
  world = await install('upgrade', { admission: first })
}, 300_000)
afterAll(() => world.down(), 60_000)

const upgradeTo = (values: Values): Promise<void> =>
  deployGatekept({
    connection: world.connection,
    kubeconfig: world.cluster.kubeconfig,
    values,
    deliver: toContainerd(world.cluster.containerdSocket ?? '', join(programFolder(), 'ctr')),
  })

const helm = (...args: readonly string[]): Promise<string> =>
  world.cluster.helm([...args, `--namespace=${systemNamespace}`])

const web = (version: string): object =>
  deployment({
    namespace,
    replicas,
    annotations: { [keys.version]: version, [keys.preDeploymentTasks]: 'check' },
  })

const scaleUp = async (): Promise<void> => {
  replicas += 1
  await world.cluster.kubectl([
    ...['scale', 'deployment/web', `--replicas=${replicas}`, `--namespace=${namespace}`],
  ])
}

/** Does something, while another pod is asked for again and again. */
const whilePodsAreMade = async (change: Promise<unknown>): Promise<void> => {
  const watched = { isDone: false }
  const done = change.finally(() => {
    watched.isDone = true
  })
  while (!watched.isDone) {
    await scaleUp()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  await done
}

const areAllThere = async (isRight: (pods: readonly Pod[]) => void): Promise<void> => {
  await eventually(async () => {
    const pods = await lookAt(world.client, namespace).pods()
    expect(pods).toHaveLength(replicas)
    isRight(pods)
  }, patient)
}

const run = (pods: readonly Pod[]): void => {
  expect(pods.flatMap(gatesOf)).toEqual([])
  expect(pods.every(({ status }) => status?.phase === 'Running')).toBe(true)
}

const versionIs = (version: string, state: string): Promise<KeptnWorkloadVersion> =>
  eventually(async () => {
    const versions = await lookAt(world.client, namespace).workloadVersions()
    const found = versions.find(({ spec }) => spec.version === version)
    expect(found?.status?.status).toBe(state)
    return found as KeptnWorkloadVersion
  }, patient)

/** The pods of the namespace that were created without our gate. */
const ungated = (): readonly string[] =>
  readAudit(
    world.cluster.auditLog,
    (write) =>
      write.verb === 'create' && write.resource === 'pods' && write.namespace === namespace,
  )
    .map(({ object }) => object as Pod)
    .filter(({ spec }) => !spec.schedulingGates?.some(({ name }) => name === gateName))
    .map(({ metadata }) => metadata.name)

/** Whether `helm test` was content, and what its pod has said. */
const helmTest = async (): Promise<{ readonly isGood: boolean; readonly said: string }> => {
  const isGood = await helm('test', 'gatekept').then(
    () => true,
    () => false,
  )
  const said = await world.cluster.kubectl(['logs', 'verify', `--namespace=${systemNamespace}`])
  return { isGood, said }
}

test('helm test says that pods are held, and by whom; and what is amiss once nobody asks the webhook', async () => {
  const good = await helmTest()
  expect(good.said).toContain(
    `A pod of a Deployment is held, by the ${hasPolicies ? 'policy' : 'webhook'}`,
  )
  expect(good.said).not.toContain('FAIL')
  expect(good.isGood).toBe(true)

  const configuration = 'mutatingwebhookconfiguration/lifecycle-mutating-webhook-configuration'
  await world.cluster.kubectl(['delete', configuration])
  const bad = await helmTest()
  expect(bad.said).toContain(
    hasPolicies
      ? 'FAIL  The webhook does not answer'
      : 'FAIL  A pod of a Deployment is let through',
  )
  expect(bad.isGood).toBe(false)

  await upgradeTo({ admission: first })
  expect(await helmTest()).toMatchObject({ isGood: true })
}, 300_000)

test('what is held stays held while the chart is upgraded and rolled back, and goes on when its checks have passed', async () => {
  await world.apply(yaml(managedNamespace(namespace), web('1')))
  await areAllThere(expectHeld)

  const others = { guard: { enabled: 'never' }, lifecycleOperator: { replicas: 1 } }
  await whilePodsAreMade(upgradeTo({ admission: 'webhook', ...others }))
  await areAllThere(expectHeld)

  await whilePodsAreMade(helm('rollback', 'gatekept', '--wait', '--timeout=120s'))
  await areAllThere(expectHeld)
  expect(ungated()).toEqual([])

  await world.apply(yaml(task(namespace, 'check', "console.log('checked')")))
  await areAllThere(run)
  await versionIs('1', 'Succeeded')
}, 400_000)

test('after an uninstall everything that is left stays, and a new installation goes on with it', async () => {
  const before = await versionIs('1', 'Succeeded')
  await helm('uninstall', 'gatekept', '--wait')
  await scaleUp()
  await areAllThere(run)

  await upgradeTo({ admission: first })
  const after = await versionIs('1', 'Succeeded')
  expect(after.metadata.uid).toBe(before.metadata.uid)
  await scaleUp()
  await areAllThere(run)

  replicas = 2
  await world.apply(yaml(web('2')))
  await versionIs('2', 'Succeeded')
  await areAllThere(run)
}, 400_000)

test('another can make the certificates: they are served without a restart, and we leave them alone', async () => {
  const injectFrom = { 'cert-manager.io/inject-ca-from': `${systemNamespace}/keptn-certs` }
  await upgradeTo({
    admission: first,
    global: { certManagerEnabled: false, caInjectionAnnotations: injectFrom },
  })
  const configuration = await world.client.get(MutatingWebhookConfiguration, {
    name: webhookConfigurationName,
  })
  expect(configuration?.metadata.annotations).toMatchObject(injectFrom)

  const now = new Date()
  const authority = await createAuthority(now)
  const { cert, key } = await issueServerCertificate(authority, systemNamespace, now)
  const secret = await world.client.patch(Secret, {
    ...{ namespace: systemNamespace, name: 'keptn-certs', patchType: 'merge' },
    patch: {
      metadata: { annotations: { 'cert-manager.io/certificate-name': 'keptn-certs' } },
      stringData: { 'ca.crt': authority.cert, 'tls.crt': cert, 'tls.key': key },
    },
  })
  const caBundle = Buffer.from(authority.cert).toString('base64')
  const injected = await world.client.patch(MutatingWebhookConfiguration, {
    ...{ name: webhookConfigurationName, patchType: 'strategic' },
    patch: {
      webhooks: configuration?.webhooks?.map(({ name }) => ({ name, clientConfig: { caBundle } })),
    },
  })

  for (const name of apiServiceNames) {
    const patch = { spec: { caBundle } }
    await world.client.patch(APIService, { name, patchType: 'merge', patch })
  }

  // The kubelet takes up to a minute to tell the webhook.
  await eventually(async () => {
    expect(await helmTest()).toMatchObject({ isGood: true })
  }, patient)
  const after = await world.client.get(Secret, { namespace: systemNamespace, name: 'keptn-certs' })
  expect(after?.metadata.resourceVersion).toBe(secret.metadata.resourceVersion)
  expect(
    await world.client.get(MutatingWebhookConfiguration, { name: webhookConfigurationName }),
  ).toEqual(injected)
}, 400_000)
