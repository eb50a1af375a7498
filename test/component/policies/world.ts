/**
 * An API server with the chart's admission policies, and nothing of ours running.
 *
 * @module
 */
import { Namespace } from '../../../api/kubernetes.ts'
import { keys } from '../../../identity/keys.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import { ApiError } from '../../../kube/errors.ts'
import { chartYaml } from '../../chart.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { eventually } from '../../eventually.ts'
import { applyCrds } from '../../kinds.ts'

const policyKinds = ['MutatingAdmission', 'ValidatingAdmission'].flatMap((kind) => [
  `${kind}Policy`,
  `${kind}PolicyBinding`,
])

/** Where the chart says that Gatekept is. */
export const home = 'keptn-system'

/** What the chart's policies differ in. */
interface PolicyValues {
  readonly admission: 'policy' | 'webhook'
  readonly guard?: { readonly enabled?: 'never'; readonly ungatedPods?: 'warn' }
}

/** Applies the chart's policies anew, with these values; the guard's if they don't say otherwise. */
export const applyPolicies = async (cluster: Cluster, values: PolicyValues): Promise<void> => {
  const guard = { enabled: 'always', ...values.guard }
  await cluster.kubectl(['apply', '-f', '-'], await chartYaml(policyKinds, { ...values, guard }))
}

export interface World {
  readonly cluster: Cluster
  readonly client: Client
  /** Applies the chart's policies anew, with these values. */
  readonly policies: (values: PolicyValues) => Promise<void>
  /** Makes a namespace that has opted in by its label, and has this released list. */
  readonly managed: (name: string, released?: string) => Promise<string>
  readonly close: () => Promise<void>
}

/** Starts an API server that serves our kinds. */
export const startWorld = async (name: string): Promise<World> => {
  const cluster = await startCluster({ name, node: false, network: 'own' })
  await applyCrds(cluster)
  const client = createClient(adminOf(cluster))
  return {
    cluster,
    client,
    policies: (values) => applyPolicies(cluster, values),
    managed: async (namespace, released) => {
      await client.create(Namespace, {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: namespace,
          labels: { [keys.optIn]: 'enabled' },
          ...(released === undefined ? {} : { annotations: { [keys.released]: released } }),
        },
      })
      return namespace
    },
    close: async () => {
      await client.close()
      await cluster.down()
    },
  }
}

/** What came of a pod that was asked to be made, and was not: the API server only tried. */
export type Tried =
  | {
      readonly gates: readonly string[]
      readonly labels: Readonly<Record<string, string>>
    }
  | { readonly refused: string }

interface Created {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> }
  readonly spec: { readonly schedulingGates?: readonly { readonly name: string }[] }
}

/** Tries to make a pod. */
export const tryPod = async (client: Client, namespace: string, pod: object): Promise<Tried> => {
  try {
    const path = `/api/v1/namespaces/${namespace}/pods?dryRun=All`
    const created = (await client.raw({ method: 'POST', path, body: pod })) as Created
    return {
      gates: (created.spec.schedulingGates ?? []).map(({ name }) => name),
      labels: created.metadata.labels ?? {},
    }
  } catch (error) {
    if (error instanceof ApiError) return { refused: error.message }
    throw error
  }
}

/** The API server takes up to a second to act on a policy. */
export const untilActive = (check: () => Promise<void>): Promise<void> => eventually(check)
