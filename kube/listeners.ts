/**
 * Who is told of something, until they say that they have heard enough.
 *
 * @module
 */

/** Listeners of one thing. */
export interface Listeners<T> {
  /** Calls the listener each time from now on, until the signal is aborted. Adding it twice calls it twice. */
  readonly add: (listener: (told: T) => void, options?: { readonly signal?: AbortSignal }) => void
  /** Calls all of them; one that throws keeps nobody else from being called. */
  readonly tell: (told: T) => void
}

/** Nobody yet. `onError` is told of what a listener throws, and about what. */
export const createListeners = <T>(onError: (error: unknown, told: T) => void): Listeners<T> => {
  const listeners = new Set<(told: T) => void>()
  return {
    add(listener, { signal } = {}) {
      if (signal?.aborted === true) return
      // A function may be added twice: each time is an entry of its own.
      const entry = (told: T): void => {
        listener(told)
      }
      listeners.add(entry)
      signal?.addEventListener('abort', () => listeners.delete(entry), { once: true })
    },
    tell(told) {
      for (const listener of listeners) {
        try {
          listener(told)
        } catch (error) {
          onError(error, told)
        }
      }
    },
  }
}
