/**
 * Opens gates that it is told of, and does nothing else: a process that sends the patch of `gate/scheduling-gate.ts`, for a
 * gate of its own, to each of these pods, with as many requests at once as Gatekept.
 *
 * Started with an IPC channel: its first message is its `Orders`, each later one a list of pods; it answers with how long it took
 * to patch them all, in milliseconds.
 *
 * @module
 */
import { Pod } from '../../api/kubernetes.ts'
import { createClient } from '../../kube/client.ts'

/** What the process is told. */
export interface Orders {
  readonly server: string
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly namespace: string
  /** What it takes away: a gate, and the label that goes with it. */
  readonly gate: string
  readonly label: string
}

/** A pod to open. */
export interface Closed {
  readonly name: string
  readonly uid: string
}

process.once('message', (message) => {
  const { server, namespace, gate, label, ...credentials } = message as Orders
  const client = createClient(
    { server: new URL(server), ...credentials },
    { userAgent: 'bench-plain-opening' },
  )
  const open = ({ name, uid }: Closed): Promise<Pod> =>
    client.patch(Pod, {
      ...{ namespace, name, patchType: 'strategic' },
      patch: {
        metadata: {
          uid,
          labels: { [label]: null },
          annotations: { 'example.com/gate-removed': 'true' },
        },
        spec: { schedulingGates: [{ $patch: 'delete', name: gate }] },
      },
    })
  process.on('message', (pods) => {
    const start = performance.now()
    void Promise.all((pods as readonly Closed[]).map(open)).then(() =>
      process.send?.(performance.now() - start),
    )
  })
  process.send?.('ready')
})
// Whoever started it must not outlive it.
process.once('disconnect', () => process.exit())
