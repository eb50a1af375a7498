/**
 * Does something to all objects that need it, until none is found any more.
 *
 * The API server takes up to a second to forget a policy that was deleted, and each API server of a cluster for itself: until
 * then it may refuse what is done here, or bring forth more that needs it. So what is left is looked for again instead of each
 * write being tried again.
 *
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import { isConflict, isNotFound } from '../../kube/errors.ts'

/** How objects are found, and what is done to each. */
export interface Work<T extends KubeObject> {
  readonly find: () => Promise<readonly T[]>
  readonly mend: (object: T) => Promise<unknown>
}

/** What came of it. */
export interface Settled<T extends KubeObject> {
  /** All that were found and need nothing any more. */
  readonly done: readonly T[]
  /** Those that could not be helped, and why. */
  readonly left: readonly { readonly object: T; readonly why: string }[]
}

/** How patient to be. */
export interface Patience {
  readonly pause: () => Promise<unknown>
  /** After so many looks what is left stays. */
  readonly looks: number
  /** In how many looks in a row nothing must be found. */
  readonly quiet: number
}

/** Looks, mends, and looks again. */
export const settle = async <T extends KubeObject>(
  { find, mend }: Work<T>,
  { pause, looks, quiet }: Patience,
): Promise<Settled<T>> => {
  const met = new Map<string, T>()
  let left: Settled<T>['left'] = []
  let quietLooks = 0
  for (let look = 1; quietLooks < quiet && look <= looks; look += 1) {
    if (look > 1) await pause()
    const found = await find()
    for (const object of found) met.set(object.metadata.uid, object)
    quietLooks = found.length === 0 ? quietLooks + 1 : 0
    left = (await Promise.all(found.map((object) => attempt(object, mend)))).flat()
  }
  const stuck = new Set(left.map(({ object }) => object.metadata.uid))
  return { done: [...met.values()].filter(({ metadata }) => !stuck.has(metadata.uid)), left }
}

const attempt = async <T extends KubeObject>(
  object: T,
  mend: Work<T>['mend'],
): Promise<Settled<T>['left']> => {
  try {
    await mend(object)
    return []
  } catch (error) {
    // It is gone, or another has its name: the next look will tell.
    if (isNotFound(error) || isConflict(error)) return []
    return [{ object, why: (error as Error).message }]
  }
}
