/**
 * Tokens that providers were given in exchange for their credentials, kept in memory until shortly before they expire.
 *
 * @module
 */

/** A token, and for how long it counts. */
export interface Grant {
  readonly token: string
  readonly forSeconds: number
}

/** The tokens of one provider. */
export interface Tokens {
  /** The token that was given for these credentials; `obtain` is asked for another where there is none that still counts. */
  readonly get: (credentials: string, obtain: () => Promise<Grant>) => Promise<string>
  /** Says that the token was refused. */
  readonly forget: () => void
}

interface Kept {
  readonly credentials: string
  readonly token: string
  readonly untilMs: number
}

/** A token is not used in its last seconds: it has to count until the source has looked at it. */
const marginMs = 30_000

/** Keeps one token for each provider, by its UID. */
export const createTokens = (now: () => Date): ((provider: string) => Tokens) => {
  const kept = new Map<string, Kept>()
  const sweep = (): void => {
    for (const [provider, { untilMs }] of kept)
      if (untilMs <= now().getTime()) kept.delete(provider)
  }
  return (provider) => ({
    get: async (credentials, obtain) => {
      sweep()
      const one = kept.get(provider)
      if (one?.credentials === credentials) return one.token
      const { token, forSeconds } = await obtain()
      const untilMs = now().getTime() + forSeconds * 1000 - marginMs
      kept.set(provider, { credentials, token, untilMs })
      return token
    },
    forget: () => {
      kept.delete(provider)
    },
  })
}
