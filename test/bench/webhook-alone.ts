/**
 * Lets a benchmark run while the webhook alone gives pods their gate, as where the API server has no policy that does. Where one
 * has, the webhook is asked about pods that carry the gate already, and reads live about one that does not.
 *
 * @module
 */
import { systemNamespace } from '../../deploy/chart.ts'
import { fakeNode } from './fake-node.ts'
import { claimAsOthers, processesOf } from './processes.ts'
import type { World } from './world.ts'

const webhook = 'lifecycle-webhook'
const selector = `--selector=app.kubernetes.io/name=${webhook}`

/** Starts the webhook anew so, on the node that runs pods, and afterwards as it was. */
export const webhookAlone = async <T>({ cluster }: World, use: () => Promise<T>): Promise<T> => {
  const { kubectl, nodeName = '' } = cluster
  const inSystem = (...args: readonly string[]): Promise<string> =>
    kubectl(['--namespace', systemNamespace, ...args])
  const startAs = async (admission: string): Promise<void> => {
    await kubectl(['cordon', fakeNode])
    await kubectl(['uncordon', nodeName])
    const old = await inSystem('get', 'pods', selector, '--output=name')
    await inSystem('set', 'env', `deployment/${webhook}`, `ADMISSION=${admission}`)
    await inSystem('rollout', 'status', `deployment/${webhook}`, '--timeout=120s')
    // Those that end answer for a while yet.
    await inSystem('wait', ...old.trim().split('\n'), '--for=delete', '--timeout=120s')
    await kubectl(['cordon', nodeName])
    await kubectl(['uncordon', fakeNode])
    for (const pid of await processesOf(cluster, webhook)) claimAsOthers(pid)
  }
  const before = await inSystem(
    ...['get', `deployment/${webhook}`],
    '--output=jsonpath={.spec.template.spec.containers[0].env[?(@.name=="ADMISSION")].value}',
  )
  try {
    await startAs('webhook')
    return await use()
  } finally {
    await startAs(before)
  }
}
