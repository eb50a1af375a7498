import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { Namespace } from '../../api/kubernetes.ts'
import { toContainerd } from '../../deploy/delivery.ts'
import { undeployGatekept } from '../../deploy/install.ts'
import { programFolder } from '../../deploy/options.ts'
import { simplenodeImage } from '../../demo/stand-ins.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import {
  startPrometheus,
  startSlack,
  startTarget,
  type Prometheus,
  type Slack,
  type Target,
} from './stand-ins.ts'
import { deployment, expectHeld, lookAt, stays, yaml } from './world.ts'

const example = join(import.meta.dirname, '..', '..', 'manifests', 'examples', 'simplenode-dev')
const capacity = 'kube_node_status_capacity{resource="cpu"}'

let installation: Installation
let target: Target
let prometheus: Prometheus
let slack: Slack
let image: string

beforeAll(async () => {
  installation = await install('seeds')
  const { cluster, folder } = installation
  target = await startTarget(cluster.hostAddress)
  prometheus = await startPrometheus(cluster.hostAddress, target, folder)
  slack = await startSlack(cluster.hostAddress)
  const ctr = join(programFolder(), 'ctr')
  image = await toContainerd(cluster.containerdSocket ?? '', ctr)(await simplenodeImage())
}, 300_000)

afterAll(async () => {
  slack.close()
  target.close()
  await prometheus.close()
  await installation.down()
}, 60_000)

interface Document {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec?: object
}

/** The example as it stands in the repository, but for where Prometheus and Slack are, the image, and its namespace. */
const exampleIn = async (namespace: string): Promise<string> => {
  const text = await installation.cluster.kubectl(['kustomize', example])
  const here = text
    .replaceAll('simplenode-dev', namespace)
    .replaceAll(/image: .*simplenode.*/g, `image: ${image}`)
    .replaceAll('http://prometheus-k8s.monitoring.svc.cluster.local:9090', prometheus.url)
  const documents = parseAllDocuments(here).map((each) => each.toJS() as Document)
  return yaml(
    ...documents.map((document) =>
      document.kind === 'Secret'
        ? {
            ...document,
            stringData: {
              SECURE_DATA: JSON.stringify({ slack_hook: slack.url, text: 'from the test' }),
            },
          }
        : document,
    ),
  )
}

/** Gives the metrics values, and waits until Prometheus has them. */
const measure = async (cpus: number): Promise<void> => {
  target.set(capacity, cpus)
  target.set('simplenode_response_milliseconds', 12)
  await eventually(
    async () => {
      expect(await prometheus.query(`sum(${capacity})`)).toBe(String(cpus))
    },
    { timeoutMs: 30_000 },
  )
}

describe("the seeds' example", () => {
  test('goes through all its checks when enough CPUs are available', async () => {
    await measure(8)
    await installation.apply(await exampleIn('simplenode-dev'))
    const { appVersionIs, workloadVersion, pods } = lookAt(installation.client, 'simplenode-dev')

    const app = await appVersionIs('Succeeded', 120_000)
    expect(app.status?.currentPhase).toBe('Completed')

    const version = await workloadVersion()
    expect(version.status).toMatchObject({
      currentPhase: 'Completed',
      preDeploymentStatus: 'Succeeded',
      preDeploymentEvaluationStatus: 'Succeeded',
      deploymentStatus: 'Succeeded',
      postDeploymentStatus: 'Succeeded',
      postDeploymentEvaluationStatus: 'Succeeded',
    })
    const [pod] = await pods('simplenode-')
    expect(pod?.status?.phase).toBe('Running')
    expect(pod?.metadata.annotations?.['keptn.sh/scheduling-gate-removed']).toBe('true')

    expect(slack.messages).toHaveLength(2)
    expect(slack.messages[0]).toContain('Deploying')
    expect(slack.messages[1]).toContain('Deployed')
  }, 180_000)

  test('is held when too few are, and says so', async () => {
    await measure(3)
    const namespace = 'simplenode-low'
    const { appVersionIs, event, pods } = lookAt(installation.client, namespace)
    await installation.apply(await exampleIn(namespace))
    const appliedAt = performance.now()

    const errored = await event('WorkloadPreDeployEvaluationsErrored', 110_000)
    expect(errored.note).toContain('available-cpus is 3')
    expect(errored.note).toContain('> 4')
    expect(errored.type).toBe('Warning')
    await appVersionIs('Failed', 20_000)

    await stays(
      async () => {
        expectHeld(await pods('simplenode-'))
      },
      120_000 - (performance.now() - appliedAt),
    )
  }, 240_000)
})

test('with all of Gatekept stopped, pods in other namespaces are created as ever', async () => {
  const { cluster, apply, client } = installation
  const ours = ['lifecycle-operator', 'lifecycle-webhook', 'metrics-operator']
  for (const name of ours) {
    await cluster.kubectl(['scale', '-n', 'keptn-system', `deployment/${name}`, '--replicas=0'])
  }
  await eventually(
    async () => {
      const left = await cluster.kubectl(['get', 'pods', '-n', 'keptn-system', '-o', 'name'])
      expect(left.trim()).toBe('')
    },
    { timeoutMs: 60_000, everyMs: 500 },
  )
  await apply(
    yaml(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } },
      deployment({ namespace: 'elsewhere', replicas: 3 }),
    ),
  )
  await eventually(
    async () => {
      const pods = await lookAt(client, 'elsewhere').pods()
      expect(pods.map(({ status }) => status?.phase)).toEqual(['Running', 'Running', 'Running'])
    },
    { timeoutMs: 30_000 },
  )
}, 120_000)

test('taken away, it leaves nothing, and what was held runs', async () => {
  const { cluster, client, connection } = installation
  expectHeld(await lookAt(client, 'simplenode-low').pods('simplenode-'))

  await undeployGatekept({ connection, kubeconfig: cluster.kubeconfig })

  const names = async (...kinds: readonly string[]): Promise<readonly string[]> =>
    (await cluster.kubectl(['get', kinds.join(','), '-A', '-o', 'name'])).split('\n')
  const left = await names(
    'namespaces',
    'customresourcedefinitions',
    'clusterroles',
    'clusterrolebindings',
    'roles',
    'rolebindings',
    'mutatingwebhookconfigurations',
    'leases',
  )
  expect(
    left.filter((name) => /keptn|lifecycle-(operator|webhook)|metrics-operator/.test(name)),
  ).toEqual([])
  const managed = await client.get(Namespace, { name: 'simplenode-dev' })
  expect(Object.keys(managed?.metadata.annotations ?? {}).join()).not.toContain('gatekept.dev')
  await eventually(
    async () => {
      const pods = await lookAt(client, 'simplenode-low').pods('simplenode-')
      expect(pods.map(({ status }) => status?.phase)).toEqual(['Running'])
      expect(JSON.stringify(pods)).not.toMatch(/"gatekept\.dev\/(Released|held)"/)
    },
    { timeoutMs: 30_000 },
  )
}, 180_000)
