/**
 * When pods are held and when they are let go, as a watch tells it.
 *
 * @module
 */
import type { Logger } from 'pino'
import { Pod } from '../../api/kubernetes.ts'
import type { Client } from '../../kube/client.ts'
import { startReflector } from '../../kube/reflector.ts'

/** When a watch told of the only pod of a Deployment, in milliseconds. */
export interface Held {
  readonly heldAt: number
  readonly openedAt: number
}

/** Waits for pods. */
export interface Gates {
  /** Resolves when the pod with this label `app` has no gate any more; rejects if it never had one, or keeps it. */
  readonly expect: (app: string) => Promise<Held>
}

const timeoutMs = 60_000

const isHeld = (pod: Pod): boolean => (pod.spec.schedulingGates ?? []).length > 0

/** Starts to watch the pods of a namespace; resolves when all of them are known. */
export const watchGates = async (options: {
  readonly client: Client
  readonly namespace: string
  readonly log: Logger
  readonly signal: AbortSignal
}): Promise<Gates> => {
  const expected = new Map<string, (pod: Pod, at: number) => void>()
  const reflector = startReflector<Pod>({ ...options, type: Pod })
  reflector.store.subscribe(({ now }) => {
    const at = performance.now()
    if (now !== undefined) expected.get(now.metadata.labels?.['app'] ?? '')?.(now, at)
  })
  await reflector.synced
  return {
    expect: (app) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          expected.delete(app)
          clearTimeout(timer)
        }
        const timer = setTimeout(() => {
          end()
          reject(new Error(`The pod of "${app}" was not let go within ${timeoutMs / 1000} s`))
        }, timeoutMs)
        let heldAt: number | undefined
        expected.set(app, (pod, at) => {
          if (isHeld(pod)) {
            heldAt ??= at
            return
          }
          end()
          if (heldAt === undefined) reject(new Error(`The pod of "${app}" was never held`))
          else resolve({ heldAt, openedAt: at })
        })
      }),
  }
}
