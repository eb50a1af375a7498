/**
 * What end-to-end tests write into a cluster, and how they look at what became of it.
 *
 * @module
 */
import { expect } from '@jest/globals'
import { stringify } from 'yaml'
import {
  conditionTypes,
  KeptnAppVersion,
  KeptnTask,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../../api/index.ts'
import { Event, Pod } from '../../api/kubernetes.ts'
import { gateName } from '../../identity/keys.ts'
import type { Client } from '../../kube/client.ts'
import { eventually } from '../eventually.ts'

/** Several objects as one YAML text. */
export const yaml = (...objects: readonly object[]): string =>
  objects.map((object) => stringify(object)).join('---\n')

/** A namespace that opted in by annotation. */
export const managedNamespace = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, annotations: { 'keptn.sh/lifecycle-toolkit': 'enabled' } },
})

/** What a Deployment in a test differs in. */
export interface DeploymentOptions {
  readonly namespace: string
  readonly name?: string
  readonly replicas?: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly podSpec?: object
  readonly image?: string
}

/** A Deployment of a pod that does nothing, with the annotations on its template. */
export const deployment = ({
  namespace,
  name = 'web',
  replicas = 1,
  annotations = {},
  podSpec = {},
  image = 'localhost/pause:1',
}: DeploymentOptions): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: {
        labels: { app: name },
        annotations: { 'keptn.sh/workload': name, 'keptn.sh/version': '1.0.0', ...annotations },
      },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image, imagePullPolicy: 'IfNotPresent' }],
        ...podSpec,
      },
    },
  },
})

/** A task definition as the seeds write it, with inline code. */
export const task = (namespace: string, name: string, code: string, spec: object = {}): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1alpha3',
  kind: 'KeptnTaskDefinition',
  metadata: { name, namespace },
  spec: { function: { inline: { code } }, retries: 0, ...spec },
})

/** Looks at one namespace. */
export const lookAt = (client: Client, namespace: string) => {
  const list = async <T>(type: Parameters<Client['list']>[0]): Promise<readonly T[]> =>
    (await client.list(type, { namespace })).items as unknown as readonly T[]
  const pods = async (prefix = 'web-'): Promise<readonly Pod[]> =>
    (await list<Pod>(Pod)).filter(({ metadata }) => metadata.name.startsWith(prefix))
  const one = async <T>(type: Parameters<Client['list']>[0]): Promise<T> => {
    const [only, ...others] = await list<T>(type)
    if (only === undefined || others.length > 0) throw new Error(`Not one but ${others.length}`)
    return only
  }
  return {
    pods,
    tasks: () => list<KeptnTask>(KeptnTask),
    workloads: () => list<KeptnWorkload>(KeptnWorkload),
    events: () => list<Event>(Event),
    workloadVersions: () => list<KeptnWorkloadVersion>(KeptnWorkloadVersion),
    workloadVersion: () => one<KeptnWorkloadVersion>(KeptnWorkloadVersion),
    appVersion: () => one<KeptnAppVersion>(KeptnAppVersion),
    /** Waits until the only app version of the namespace has come to this state. */
    appVersionIs: (status: string, timeoutMs = 90_000): Promise<KeptnAppVersion> =>
      eventually(
        async () => {
          const version = await one<KeptnAppVersion>(KeptnAppVersion)
          expect(version.status?.status).toBe(status)
          return version
        },
        { timeoutMs, everyMs: 200 },
      ),
    /** Waits for an event of this reason. */
    event: (reason: string, timeoutMs = 60_000): Promise<Event> =>
      eventually(
        async () => {
          const found = (await list<Event>(Event)).find((event) => event.reason === reason)
          if (found === undefined) throw new Error(`There is no event "${reason}" yet`)
          return found
        },
        { timeoutMs, everyMs: 200 },
      ),
  }
}

/** Names of the gates that a pod has. */
export const gatesOf = (pod: Pod): readonly string[] =>
  (pod.spec.schedulingGates ?? []).map(({ name }) => name)

/** Fails unless all these pods are held by our gate, and there is one at least. */
export const expectHeld = (pods: readonly Pod[]): void => {
  expect(pods.length).toBeGreaterThan(0)
  for (const pod of pods) {
    expect(gatesOf(pod)).toContain(gateName)
    expect(pod.spec.nodeName).toBeUndefined()
  }
}

/** The verdict that gates are opened on, as stored. */
export const verdictOf = (version: KeptnWorkloadVersion): string | undefined =>
  version.status?.conditions?.find(({ type }) => type === conditionTypes.preDeploymentPassed)
    ?.status

/** Looks again and again for a while: what must not happen has that long to happen. */
export const stays = async (check: () => Promise<void>, forMs: number): Promise<void> => {
  const end = performance.now() + forMs
  while (performance.now() < end) {
    await check()
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  await check()
}
