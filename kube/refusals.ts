/**
 * What becomes of an answer that is not what was asked for, and of a connection that breaks: an `ApiError`.
 *
 * @module
 */
import type { Dispatcher } from 'undici'
import { ApiError } from './errors.ts'
import { JsonLinesError } from './json-lines.ts'

/** What was attempted on what: `create KeptnTask "shop/x"`. */
interface Attempted {
  readonly attempt: string
}

/** What a code of the HTTP library or of the system means to a caller; any other: unreachable. */
const reasons: Readonly<Record<string, string>> = {
  UND_ERR_SOCKET: 'ConnectionReset',
  ECONNRESET: 'ConnectionReset',
  EPIPE: 'ConnectionReset',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'TooLarge',
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** What broke on the way, as an `ApiError`; a bug stays what it is. */
export const asApiError = (call: Attempted, error: unknown): unknown => {
  if (error instanceof ApiError) return error
  if (error instanceof JsonLinesError) {
    const reason = error.reason === 'Cut' ? 'ConnectionReset' : error.reason
    return new ApiError(`Cannot ${call.attempt}: ${error.message}`, { status: 0, reason })
  }
  const code = codeOf(error)
  if (code === '') return error
  const message = (error as Error).message || code
  const reason = reasons[code] ?? 'Unreachable'
  return new ApiError(`Cannot ${call.attempt}: ${message}`, { status: 0, reason, cause: error })
}

/** The JSON of an answer. */
export const parseAnswer = (call: Attempted, answer: { readonly text: string }): unknown => {
  try {
    return JSON.parse(answer.text)
  } catch {
    // Without its cause: the parser's error quotes what it read, which may be a Secret.
    throw new ApiError(
      `Cannot ${call.attempt}: the answer, ${answer.text.length} characters, is not JSON`,
      { status: 0, reason: 'Malformed' },
    )
  }
}

/** The part of a Status that says why. */
export interface Status {
  readonly kind?: unknown
  readonly message?: unknown
  readonly reason?: unknown
  readonly code?: unknown
  readonly details?: { readonly retryAfterSeconds?: unknown; readonly causes?: unknown } | null
}

const maxMessageLength = 2_000

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value.slice(0, maxMessageLength) : ''

const statusOf = (text: string): Status => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Not every refusal comes from the API server itself: a proxy's is text, and is not worth repeating.
  }
  return {}
}

const causesOf = ({ details }: Status): readonly string[] =>
  Array.isArray(details?.causes)
    ? details.causes
        .map((cause: { readonly reason?: unknown } | null) => textOf(cause?.reason))
        .filter((reason) => reason !== '')
    : []

/** What an answer of status 400 or higher says. */
export const refusal = (
  call: Attempted,
  response: Dispatcher.ResponseData,
  text: string,
): ApiError => {
  const status = statusOf(text)
  const why = textOf(status.message) || `HTTP status ${response.statusCode}`
  return new ApiError(`Cannot ${call.attempt}: ${why}`, {
    status: response.statusCode,
    reason: textOf(status.reason),
    causes: causesOf(status),
    retryAfterMs: retryAfterOf(response),
  })
}

const retryAfterOf = ({ statusCode, headers }: Dispatcher.ResponseData): number | undefined => {
  if (statusCode !== 429 && statusCode < 500) return undefined
  const header = headers['retry-after']
  const seconds = typeof header === 'string' ? Number.parseFloat(header) : Number.NaN
  if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1_000
  return statusCode === 429 ? 1_000 : undefined
}

/** An error that a watch tells in the place of an event. */
export const streamError = (call: Attempted, status: Status): ApiError => {
  const seconds = status.details?.retryAfterSeconds
  return new ApiError(`Cannot ${call.attempt}: ${textOf(status.message) || 'the watch failed'}`, {
    status: typeof status.code === 'number' ? status.code : 500,
    reason: textOf(status.reason),
    retryAfterMs: typeof seconds === 'number' ? seconds * 1_000 : undefined,
  })
}
