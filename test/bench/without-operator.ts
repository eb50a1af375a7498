/**
 * Lets a benchmark run while no lifecycle operator does: what it does after a pod's creation would compete with the next one.
 *
 * @module
 */
import { systemNamespace } from '../../deploy/chart.ts'
import { fakeNode } from './fake-node.ts'
import { claimAsOthers, processesOf } from './processes.ts'
import type { World } from './world.ts'

const operator = 'lifecycle-operator'
const timeout = '--timeout=120s'

/** Stops all replicas, and brings as many back, on the node that runs pods. */
export const withoutOperator = async <T>({ cluster }: World, use: () => Promise<T>): Promise<T> => {
  const { kubectl, nodeName = '' } = cluster
  const inSystem = (...args: readonly string[]): Promise<string> =>
    kubectl(['--namespace', systemNamespace, ...args])
  const scale = (replicas: string): Promise<string> =>
    inSystem('scale', `deployment/${operator}`, `--replicas=${replicas}`)
  const replicas = await inSystem(
    ...['get', `deployment/${operator}`, '--output=jsonpath={.spec.replicas}'],
  )
  try {
    await scale('0')
    await inSystem(
      ...['wait', 'pods', `--selector=app.kubernetes.io/name=${operator}`, '--for=delete', timeout],
    )
    return await use()
  } finally {
    await kubectl(['cordon', fakeNode])
    await kubectl(['uncordon', nodeName])
    await scale(replicas)
    await inSystem('rollout', 'status', `deployment/${operator}`, timeout)
    await kubectl(['cordon', nodeName])
    await kubectl(['uncordon', fakeNode])
    for (const pid of await processesOf(cluster, operator)) claimAsOthers(pid)
  }
}
