/**
 * How many plain patches the API server takes in a second, now and on this machine.
 *
 * @module
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Namespace } from '../../api/kubernetes.ts'
import type { Orders } from './patch-loop.ts'
import type { World } from './world.ts'

const sliceMs = 2_000

/** What measures the rate. */
export interface PatchRate {
  /** Patches for two seconds; gives the patches a second. */
  readonly measure: () => Promise<number>
  readonly stop: () => void
}

/** Starts the process that patches, in a namespace of its own. */
export const startPatchRate = async (
  { client, connection }: World,
  namespace: string,
): Promise<PatchRate> => {
  const { server, ca, cert = '', key = '' } = connection
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  })
  const child = fork(join(import.meta.dirname, 'patch-loop.ts'))
  const ended = once(child, 'exit').then(() => {
    throw new Error('The process that patches has ended')
  })
  // It ends when it is told to: then nobody waits for it.
  ended.catch(() => undefined)
  const answer = async (): Promise<unknown> => {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [unknown]
    return message
  }
  const ready = answer()
  child.send({ server: server.href, ca, cert, key, namespace } satisfies Orders)
  await ready
  return {
    measure: async () => {
      const count = answer()
      child.send(sliceMs)
      return (Number(await count) / sliceMs) * 1_000
    },
    stop: () => child.disconnect(),
  }
}
