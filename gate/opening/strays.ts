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
  /** Whether the pod's gate is about to be opened from here, so that its leaving is no surprise. */
  expect(pod: HeldPod, leaves: boolean): void
  has(key: string): boolean
  /** The key has been looked at. */
  forget(key: string): void
}

/** Watches the store for strays. Those of a time in which this replica did not lead are left to the one that did. */
export const watchForStrays = (pods: Store<HeldPod>, leads: () => boolean): Strays => {
  const leaving = new Set<string>()
  const strays = new Set<string>()
  pods.subscribe(({ before, now }) => {
    if (before === undefined || now !== undefined) return
    const isExpected = leaving.delete(before.metadata.uid)
    if (!isExpected && leads()) strays.add(keyOf(before))
  })
  return {
    expect: ({ metadata: { uid } }, leaves) => {
      if (leaves) leaving.add(uid)
      else leaving.delete(uid)
    },
    has: (key) => strays.has(key),
    forget: (key) => {
      strays.delete(key)
    },
  }
}
