/**
 * Whether another replica opens gates just now. One that does not lead leaves them to it, so that none is opened twice.
 *
 * @module
 */
import { keyOf } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import type { HeldPod } from '../held-pods.ts'

/** What the opening of gates remembers of other replicas. */
export interface Others {
  /** When a pod last left that was not let go here; `undefined`: none has. */
  readonly openedAt: () => Date | undefined
  /** This replica is about to open the gate of this pod. */
  readonly expect: (key: string) => void
}

/** Watches the store for pods that others have let go. Those that were deleted look the same, and are few. */
export const watchOthers = (pods: Store<HeldPod>): Others => {
  const expected = new Set<string>()
  let openedAt: Date | undefined
  pods.subscribe(({ before, now }) => {
    if (before === undefined || now !== undefined) return
    if (!expected.delete(keyOf(before))) openedAt = new Date()
  })
  return {
    openedAt: () => openedAt,
    expect: (key) => {
      expected.add(key)
    },
  }
}
