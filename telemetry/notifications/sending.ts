/**
 * One notification as one request, which is made at most once: people's chats show whatever comes.
 *
 * | What is known of a request                                              | What becomes of the notification |
 * | ----------------------------------------------------------------------- | -------------------------------- |
 * | it was taken (2xx)                                                      | delivered                        |
 * | it was turned away for now (429, 503), or nobody could be connected to  | sent again                       |
 * | anything else: refused, or nobody knows                                 | not sent again                   |
 *
 * @module
 */
import type { Agent } from 'undici'
import type { Sent } from '../delivery.ts'
import { post, whyNoAnswer, type Answer, type Post } from '../posting.ts'

/** What is sent where. */
export interface Notification {
  /** Reads where to. Rejects with a sentence if that can't be known. */
  readonly url: () => Promise<string>
  /** Reads the token to send. Rejects with a sentence if there is none where there should be. */
  readonly token?: () => Promise<string>
  readonly body: string
}

/** Nothing was sent where a connection ended so. */
const unconnected: readonly string[] = [
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  'UND_ERR_CONNECT_TIMEOUT',
]

const isHttp = (url: string): boolean =>
  URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol)

/** Sends it. Redirects are not followed. */
export const sendNotification = async (
  notification: Notification,
  { agent, signal }: { readonly agent: Agent; readonly signal: AbortSignal },
): Promise<Sent> => {
  let message: Post
  try {
    message = await postOf(notification)
  } catch (error) {
    return { outcome: 'away', why: (error as Error).message }
  }
  try {
    return meaningOf(await post(agent, message, { signal }))
  } catch (error) {
    return outcomeOf(error)
  }
}

const postOf = async ({ url, token, body }: Notification): Promise<Post> => {
  const to = await url()
  if (!isHttp(to)) throw new Error('its URL is none of http or https')
  const headers = { 'content-type': 'application/json' }
  if (token === undefined) return { url: new URL(to), headers, body }
  const authorization = `Bearer ${await token()}`
  return { url: new URL(to), headers: { ...headers, authorization }, body }
}

const meaningOf = ({ status, retryAfterMs }: Answer): Sent => {
  if (status >= 200 && status < 300) return { outcome: 'delivered' }
  const why = `it answers with HTTP status ${status}`
  if (status !== 429 && status !== 503) return { outcome: 'refused', why }
  return { outcome: 'away', why, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

const outcomeOf = (error: unknown): Sent => {
  const why = whyNoAnswer(error)
  const { code = '' } = error as NodeJS.ErrnoException
  return unconnected.includes(code)
    ? { outcome: 'away', why }
    : { outcome: 'refused', why: `${why}, and nobody knows whether it was taken` }
}
