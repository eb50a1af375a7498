/**
 * Patches small objects as fast as the API server takes it, in a process of its own: what any system of records could do at
 * most. It talks to the API server as Gatekept does.
 *
 * Started with an IPC channel: its first message is its `Orders`, each later one says for how many milliseconds it is to patch;
 * it answers with the number of patches.
 *
 * @module
 */
import { ConfigMap } from '../../api/kubernetes.ts'
import { createClient, type Client } from '../../kube/client.ts'

/** What the process is told. */
export interface Orders {
  readonly server: string
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly namespace: string
}

/** More do not make the API server of a small machine any faster. */
const atOnce = 32

const nameOf = (index: number): string => `patched-${index}`

const prepare = async ({ server, namespace, ...credentials }: Orders): Promise<Client> => {
  const client = createClient(
    { server: new URL(server), ...credentials },
    { maxWrites: atOnce + 1, userAgent: 'bench-patch-loop' },
  )
  for (let index = 0; index < atOnce; index++) {
    await client.create(ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: nameOf(index), namespace },
      data: { count: '0' },
    })
  }
  return client
}

const patchFor = async (client: Client, namespace: string, ms: number): Promise<number> => {
  const end = performance.now() + ms
  let count = 0
  const loop = async (index: number): Promise<void> => {
    while (performance.now() < end) {
      const patch = { data: { count: `${++count}` } }
      await client.patch(ConfigMap, { namespace, name: nameOf(index), patchType: 'merge', patch })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, (_, index) => loop(index)))
  return count
}

process.once('message', (message) => {
  const orders = message as Orders
  void prepare(orders).then((client) => {
    process.on('message', (ms) => {
      void patchFor(client, orders.namespace, ms as number).then((count) => process.send?.(count))
    })
    process.send?.('ready')
  })
})
// Whoever started it must not outlive it.
process.once('disconnect', () => process.exit())
