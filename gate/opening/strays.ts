/**
 * Pods that left the store of held pods though nobody here opened them. Most were deleted; one that was stripped of its label
 * still waits behind the gate, and nobody would look at it again.
 *
 * @module
 */
import { keyOf } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import type { HeldPod } from '../held-pods.ts'

/** What the opening of gates remembers to tell strays from the pods that it let go. */
export interface Strays {
  has(key: string): boolean
  /** It is back, or gone, or what had to be done about it is done: its gate is open, or it has its label again. */
  forget(key: string): void
}

/**
 * Watches the store for strays. That a gate was about to be opened excuses nobody: the request may have failed after the pod
 * had left. Those of a time in which this replica did not lead are left to the one that did.
 */
export const watchForStrays = (pods: Store<HeldPod>, leads: () => boolean): Strays => {
  const strays = new Set<string>()
  pods.subscribe(({ before, now }) => {
    if (before !== undefined && now === undefined && leads()) strays.add(keyOf(before))
  })
  return {
    has: (key) => strays.has(key),
    forget: (key) => {
      strays.delete(key)
    },
  }
}
