/** What people ask of versions with `gatekept release`, `skip`, `retry` and `abort`, and what is not listened to. */
import { afterAll, beforeAll, expect } from '@jest/globals'
import { runAct } from '../../cli/act.ts'
import { connectionOf, readKubeconfig } from '../../cli/kubeconfig.ts'
import type { ActionType } from '../../api/actions.ts'
import { conditionTypes, type KeptnWorkloadVersion } from '../../api/index.ts'
import { Job, ValidatingAdmissionPolicyBinding } from '../../api/kubernetes.ts'
import { findCondition } from '../../kube/conditions.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import { hasPolicies } from './mode.ts'
import { testWithoutPolicies, testWithPolicies } from './with-policies.ts'
import { deployment, expectHeld, lookAt, managedNamespace, stays, task, yaml } from './world.ts'

const binding = 'gatekept-actions'
/** How long a check may take on a busy machine. */
const patient = { timeoutMs: 90_000, everyMs: 200 }
/** How long until a policy counts that was written just now, and some more. */
const settling = { timeoutMs: 60_000, everyMs: 500 }

const passes = "console.log('fine')"
const fails = "console.log('broken'); Deno.exit(1)"
const lasts = 'await new Promise((resolve) => setTimeout(resolve, 600_000))'

let installation: Installation

beforeAll(async () => {
  installation = await install('actions')
  if (hasPolicies) await guarded()
}, 300_000)

afterAll(async () => {
  await installation.down()
}, 60_000)

/** Waits until policy and binding are so old that what is asked counts. */
const guarded = (): Promise<void> =>
  eventually(async () => {
    const found = await installation.client.get(ValidatingAdmissionPolicyBinding, { name: binding })
    expect(found).toBeDefined()
    const age = Date.now() - Date.parse(found?.metadata.creationTimestamp ?? '')
    expect(age).toBeGreaterThan(31_000)
  }, settling)

/** Runs the command as the administrator of the cluster: its exit code and what it says. */
const gatekept = async (
  type: ActionType,
  version: KeptnWorkloadVersion,
  ...flags: readonly string[]
): Promise<{ readonly code: number; readonly said: string }> => {
  let said = ''
  const say = (text: string): void => {
    said += text
  }
  const code = await runAct(
    {
      connect: (choice) => connectionOf(readKubeconfig(choice)),
      ...{ print: say, complain: say },
      pause: () => new Promise((resolve) => setTimeout(resolve, 500)),
    },
    type,
    [
      `kwv/${version.metadata.name}`,
      ...['--namespace', version.metadata.namespace ?? ''],
      ...['--kubeconfig', installation.cluster.kubeconfig],
      ...['--reason', 'the load test is broken', ...flags],
    ],
  )
  return { code, said }
}

/** A workload whose one check before the deployment runs this code, and its version. */
const deployed = async (
  namespace: string,
  code: string,
  state: string,
): Promise<KeptnWorkloadVersion> => {
  const annotations = { 'keptn.sh/pre-deployment-tasks': 'load' }
  await installation.apply(
    yaml(
      managedNamespace(namespace),
      task(namespace, 'load', code),
      deployment({ namespace, annotations }),
    ),
  )
  return comesTo(namespace, { status: state })
}

const comesTo = (namespace: string, status: object): Promise<KeptnWorkloadVersion> =>
  eventually(async () => {
    const version = await lookAt(installation.client, namespace).workloadVersion()
    expect(version.status).toMatchObject(status)
    return version
  }, patient)

const isHeld = async (namespace: string): Promise<void> => {
  expectHeld(await lookAt(installation.client, namespace).pods())
}

const runs = (namespace: string): Promise<void> =>
  eventually(async () => {
    const pods = await lookAt(installation.client, namespace).pods()
    expect(pods.map(({ status }) => status?.phase)).toEqual(['Running'])
  }, patient)

const carriedOut = (type: ActionType, by: string) => ({
  actions: [{ id: `${type}-1`, type, by, outcome: 'CarriedOut' }],
})
/** The administrator of the tests' clusters. */
const by = 'admin'

const scenario = (sentence: string, run: () => Promise<void>): void => {
  testWithPolicies(sentence, run, 180_000)
}

const unguarded = (status: string) => ({
  conditions: expect.arrayContaining([
    expect.objectContaining({ type: conditionTypes.actionsUnguarded, status }),
  ]),
})

/** Asks for a release that nobody may be trusted to have asked for. */
const isRefused = async (version: KeptnWorkloadVersion): Promise<void> => {
  const namespace = version.metadata.namespace ?? ''
  const { code, said } = await gatekept('release', version)
  expect({ code, said }).toEqual({ code: 1, said: expect.stringContaining('is not in force') })
  await comesTo(namespace, unguarded('True'))
  await isHeld(namespace)
}

testWithoutPolicies(
  'where nothing guards what is asked, it is refused, and the version says why',
  async () => isRefused(await deployed('without-policies', fails, 'Failed')),
  180_000,
)

scenario('the pods of a failed version go when it is released', async () => {
  const version = await deployed('released', fails, 'Failed')
  await isHeld('released')
  const { code, said } = await gatekept('release', version)
  expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('Released by "') })
  await runs('released')
  const { status } = await comesTo('released', carriedOut('release', by))
  expect(findCondition(status?.conditions, conditionTypes.preDeploymentPassed)).toMatchObject({
    status: 'True',
    reason: 'ReleasedByAction',
  })
  const again = await gatekept('release', version)
  expect(again).toEqual({ code: 1, said: expect.stringContaining('Refused: ') })
})

scenario('a failed version goes on when its check is skipped', async () => {
  const version = await deployed('skipped', fails, 'Failed')
  const other = await gatekept('skip', version, '--check', 'other')
  expect(other).toEqual({ code: 1, said: expect.stringContaining('Refused: ') })
  await isHeld('skipped')
  expect(await gatekept('skip', version, '--check', 'load')).toMatchObject({ code: 0 })
  await runs('skipped')
})

scenario('a failed version begins anew when it is asked to', async () => {
  const version = await deployed('retried', fails, 'Failed')
  await installation.apply(yaml(task('retried', 'load', passes)))
  expect(await gatekept('retry', version)).toMatchObject({ code: 0 })
  await comesTo('retried', { ...carriedOut('retry', by), attempt: 2 })
  await runs('retried')
})

scenario('a version is aborted with the Job that it runs, and stays held', async () => {
  const version = await deployed('aborted', lasts, 'Progressing')
  const jobs = async (): Promise<readonly Job[]> =>
    (await installation.client.list(Job, { namespace: 'aborted' })).items
  await eventually(async () => {
    expect(await jobs()).toHaveLength(1)
  }, patient)
  expect(await gatekept('abort', version)).toMatchObject({ code: 0 })
  await comesTo('aborted', { ...carriedOut('abort', by), status: 'Failed' })
  await eventually(async () => {
    expect(await jobs()).toEqual([])
  }, patient)
  await stays(() => isHeld('aborted'), 3_000)
})

scenario(
  'what is asked is refused while the policy is not in force, and later is not',
  async () => {
    const version = await deployed('unguarded', fails, 'Failed')
    const { kubectl } = installation.cluster
    const stored = ['get', 'validatingadmissionpolicybinding', binding, '--output=json']
    const { metadata, ...rest } = JSON.parse(await kubectl(stored)) as {
      readonly metadata: { readonly labels: object }
    }
    await kubectl(['delete', 'validatingadmissionpolicybinding', binding])
    await isRefused(version)

    const again = { ...rest, metadata: { name: binding, labels: metadata.labels } }
    await kubectl(['create', '--filename=-'], JSON.stringify(again))
    await guarded()
    await comesTo('unguarded', unguarded('False'))
    await isHeld('unguarded')
    expect(await gatekept('release', version)).toMatchObject({ code: 0 })
    await runs('unguarded')
  },
)
