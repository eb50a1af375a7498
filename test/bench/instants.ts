/**
 * Instants of things that somebody waits for and somebody else tells, in whatever order.
 *
 * @module
 */

/** What happened when, by names of the caller's, in milliseconds on this process's clock. */
export interface Instants {
  /** It has happened now, unless it had already. */
  readonly tell: (what: string) => void
  /** Resolves once it has happened; rejects when that takes longer than a minute. */
  readonly when: (what: string) => Promise<number>
}

const timeoutMs = 60_000

/** Nothing has happened yet. */
export const createInstants = (): Instants => {
  const all = new Map<string, PromiseWithResolvers<number>>()
  const one = (what: string): PromiseWithResolvers<number> => {
    const known = all.get(what) ?? Promise.withResolvers<number>()
    all.set(what, known)
    return known
  }
  return {
    tell: (what) => one(what).resolve(performance.now()),
    when: async (what) => {
      const { promise, reject } = one(what)
      const timer = setTimeout(() => {
        reject(new Error(`"${what}" did not happen within ${timeoutMs / 1000} s`))
      }, timeoutMs)
      return promise.finally(() => clearTimeout(timer))
    },
  }
}
