/**
 * Posts one text after the other to whoever takes them, as cheaply as can be: nothing is read of an answer but its status, and
 * no streams are made for the rest. Redirects are not followed.
 *
 * @module
 */
import type { Agent, Dispatcher } from 'undici'

/** What is posted where. */
export interface Post {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What was answered. */
export interface Answer {
  readonly status: number
  /** After so long it may be tried again, in milliseconds, if that was said and is five minutes at most. */
  readonly retryAfterMs?: number
}

const patienceMs = 10_000
/** What more an answer has to say is not listened to. */
const longestAnswer = 64 * 1_024
const longestRetryMs = 300_000

class TimedOut extends Error {
  readonly afterMs: number
  constructor(afterMs: number) {
    super('Timed out')
    this.afterMs = afterMs
  }
}
class Enough extends Error {}

const retryAfterIn = (header: string | readonly string[] | undefined): number | undefined => {
  const ms = typeof header === 'string' ? Number(header) * 1_000 : Number.NaN
  return ms > 0 && ms <= longestRetryMs ? ms : undefined
}

/** Ends with the answer. Rejects if there is none within ten seconds, or `timeoutMs`, and when the signal is aborted. */
export const post = (
  agent: Agent,
  { url, headers, body }: Post,
  { signal, timeoutMs = patienceMs }: { readonly signal: AbortSignal; readonly timeoutMs?: number },
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined
    let given: Error | undefined
    let answer: Answer | undefined
    let length = 0
    const leave = (reason: Error): void => {
      given = reason
      controller?.abort(reason)
      settle(() => reject(reason))
    }
    const timer = setTimeout(() => leave(new TimedOut(timeoutMs)), timeoutMs)
    const stop = (): void => leave(new Enough('Stopped'))
    const settle = (how: () => void): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      how()
    }
    signal.addEventListener('abort', stop, { once: true })
    const { origin, pathname, search } = url
    agent.dispatch(
      { origin, path: pathname + search, method: 'POST', headers, body },
      {
        onRequestStart: (started) => {
          controller = started
          // It waited for a connection longer than anybody waits for it.
          if (given !== undefined) started.abort(given)
        },
        onResponseStart: (_, status, { 'retry-after': retryAfter }) => {
          const retryAfterMs = retryAfterIn(retryAfter)
          answer = { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
        },
        onResponseData: (started, { length: more }) => {
          length += more
          if (length > longestAnswer) started.abort(new Enough('Too long an answer'))
        },
        onResponseEnd: () => settle(() => answer && resolve(answer)),
        onResponseError: (_, error) =>
          settle(() => {
            if (answer !== undefined && length > longestAnswer) resolve(answer)
            else reject(error)
          }),
      },
    )
  })

/** Why there was no answer: the code alone, since a message may quote the URL. */
export const whyNoAnswer = (error: unknown): string => {
  if (error instanceof TimedOut) {
    return `it gives no answer within ${error.afterMs / 1_000} seconds`
  }
  const { code = '', name = '' } = error as Partial<NodeJS.ErrnoException>
  return `it can't be reached (${code === '' ? name : code})`
}
