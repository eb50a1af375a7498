/**
 * The least that can open a gate: a process that watches held pods and takes the gate of each away, at once and without
 * keeping any record. It talks to the API server as Gatekept does, so that what it does not do is all the difference.
 *
 * Started with an IPC channel, on which it waits for its `Orders` and says when it watches.
 *
 * @module
 */
import { Pod } from '../../api/kubernetes.ts'
import { createClient, type Client } from '../../kube/client.ts'

/** What the process is told. */
export interface Orders {
  readonly server: string
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly namespace: string
}

/** The gate that it opens, and the label of pods that have it. */
export const bareGate = 'example.com/bare-loop'
export const bareLabel = 'example.com/held'

const open = async (client: Client, { metadata }: Pod): Promise<void> => {
  await client.patch(Pod, {
    ...metadata,
    patchType: 'strategic',
    patch: {
      metadata: { uid: metadata.uid, labels: { [bareLabel]: null } },
      spec: { schedulingGates: [{ $patch: 'delete', name: bareGate }] },
    },
  })
}

const run = async ({ server, namespace, ...credentials }: Orders): Promise<void> => {
  const client = createClient({ server: new URL(server), ...credentials })
  const query = { namespace, labelSelector: `${bareLabel}=true` }
  const { resourceVersion } = await client.list(Pod, query)
  const events = client.watch(
    Pod,
    { ...query, resourceVersion, timeoutSeconds: 3_600 },
    { signal: new AbortController().signal },
  )
  process.send?.('ready')
  for await (const event of events) {
    // The API server sends a deletion when the label goes; a failure ends the process, and with it the benchmark.
    if (event.type === 'ADDED') void open(client, event.object)
  }
}

process.once('message', (orders) => {
  void run(orders as Orders)
})
// Whoever started it must not outlive it.
process.once('disconnect', () => process.exit())
