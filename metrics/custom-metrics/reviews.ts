/**
 * Asks the API server who a token belongs to and what a user may do, and remembers the answers for a few seconds.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { Client } from '../../kube/client.ts'
import type { User } from './front-proxy.ts'
import { RefusedError } from './status.ts'

/** What a user wants to do: with a resource, or with a path that is none. */
export type Attributes =
  | {
      readonly namespace?: string
      readonly verb: string
      readonly group: string
      readonly version: string
      readonly resource: string
      readonly subresource?: string
      readonly name?: string
    }
  | { readonly path: string; readonly verb: string }

/** The API server's answers. */
export interface Reviews {
  /**
   * Who has this token; `undefined`: nobody. Rejects when the API server can't be asked, and with a `RefusedError` while it is
   * asked about too many: whoever makes tokens up must not have it flooded by us.
   */
  readonly userOfToken: (token: string) => Promise<User | undefined>
  /** Whether a user may do something. Rejects when the API server can't be asked. */
  readonly mayDo: (user: User, attributes: Attributes) => Promise<boolean>
}

/**
 * Whoever is in it may do anything, whatever an API server would say: as for every server that is made with Kubernetes' library.
 * The API server asks us as one of it, again and again, which resources we have.
 * https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
 */
const mayDoAnything = 'system:masters'

/** How long a right that was taken away goes on, at most; what Kubernetes' own servers take. */
const rememberedMs = 10_000
/** Whoever makes up names or tokens must not fill our memory. */
const maxRemembered = 1_000
const timeoutMs = 5_000
/** How many unknown tokens the API server is asked about at a time, */
const maxUnknownUnderWay = 5
/** and how many of them may turn out to be nobody's within a second. */
const maxRefusedPerSecond = 10

/** Makes reviews by an API server. */
export const createReviews = (
  client: Pick<Client, 'raw'>,
  now: () => number = () => performance.now(),
): Reviews => {
  const tokens = remember<User | undefined>(now)
  const rights = remember<boolean>(now)
  const boundUnknown = boundReviews(now)

  const review = async (group: string, resource: string, kind: string, spec: object) => {
    const answer = await client.raw(
      {
        method: 'POST',
        path: `/apis/${group}/v1/${resource}`,
        body: { apiVersion: `${group}/v1`, kind, spec },
      },
      { timeoutMs, signal: AbortSignal.timeout(timeoutMs) },
    )
    return (answer as { readonly status?: Readonly<Record<string, unknown>> }).status ?? {}
  }

  return {
    userOfToken: (token) => {
      // The token itself has no business in memory for longer than its request.
      const digest = createHash('sha256').update(token).digest('base64')
      return tokens(digest, () =>
        boundUnknown(digest, async () => {
          const spec = { token }
          const status = await review('authentication.k8s.io', 'tokenreviews', 'TokenReview', spec)
          return status['authenticated'] === true ? userIn(status['user']) : undefined
        }),
      )
    },
    mayDo: async (user, attributes) =>
      user.groups.includes(mayDoAnything) ||
      rights(JSON.stringify([user, attributes]), async () => {
        const { username, ...rest } = user
        const status = await review(
          'authorization.k8s.io',
          'subjectaccessreviews',
          'SubjectAccessReview',
          {
            user: username,
            ...rest,
            ...('path' in attributes
              ? { nonResourceAttributes: attributes }
              : { resourceAttributes: attributes }),
          },
        )
        return status['allowed'] === true
      }),
  }
}

const userIn = (user: unknown): User | undefined => {
  const { username, uid, groups, extra } = (user ?? {}) as Partial<User>
  if (username === undefined || username === '') return undefined
  return { username, ...(uid !== undefined && { uid }), groups: groups ?? [], extra: extra ?? {} }
}

/** Bounds reviews of tokens that nobody was found for before; those of users go on meanwhile. */
const boundReviews = (now: () => number) => {
  const users = new Set<string>()
  let underWay = 0
  let refusals: readonly number[] = []

  const found = async (
    digest: string,
    ask: () => Promise<User | undefined>,
  ): Promise<User | undefined> => {
    const user = await ask()
    users.delete(digest)
    if (user === undefined) refusals = [...refusals, now()]
    else users.add(digest)
    forgetOldest(users)
    return user
  }

  return async (
    digest: string,
    ask: () => Promise<User | undefined>,
  ): Promise<User | undefined> => {
    if (users.has(digest)) return found(digest, ask)
    refusals = refusals.filter((at) => now() - at < 1000)
    if (underWay >= maxUnknownUnderWay || refusals.length >= maxRefusedPerSecond) {
      const message = 'too many tokens are unknown, so this one is not looked up: try again'
      throw new RefusedError({
        code: 429,
        reason: 'TooManyRequests',
        message,
        retryAfterSeconds: 1,
      })
    }
    underWay += 1
    try {
      return await found(digest, ask)
    } finally {
      underWay -= 1
    }
  }
}

const forgetOldest = (of: Map<string, unknown> | Set<string>): void => {
  for (const oldest of of.keys()) {
    if (of.size <= maxRemembered) return
    of.delete(oldest)
  }
}

/** Answers by key. The same question at the same time is asked once, and an error is not remembered. */
const remember = <T>(now: () => number) => {
  const known = new Map<string, { readonly until: number; readonly answer: Promise<T> }>()
  return (key: string, ask: () => Promise<T>): Promise<T> => {
    const found = known.get(key)
    if (found !== undefined && now() < found.until) return found.answer
    // Deleted first, so that the oldest are the first of the map.
    known.delete(key)
    const answer = ask()
    const entry = { until: now() + rememberedMs, answer }
    known.set(key, entry)
    answer.catch(() => {
      if (known.get(key) === entry) known.delete(key)
    })
    forgetOldest(known)
    return answer
  }
}
