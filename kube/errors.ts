/**
 * What a request to the API server can end in besides an answer.
 *
 * @module
 */

/** What an `ApiError` knows besides its message. */
export interface ApiErrorDetails {
  readonly status: number
  readonly reason: string
  readonly retryAfterMs?: number | undefined
  readonly repeated?: boolean | undefined
  readonly causes?: readonly string[] | undefined
  readonly cause?: unknown
}

/**
 * A request that the API server refused, or that never got an answer.
 *
 * Its message says what was attempted on what, and why it failed. It never holds a request's body or headers.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** The HTTP status; 0 when no answer arrived. */
  readonly status: number
  /**
   * One word from the API server's Status, such as `AlreadyExists`; empty when it sent none. Without an answer it is
   * `Unreachable`, `ConnectionReset` or `Timeout`; for an answer that cannot be understood, `Malformed` or `TooLarge`.
   */
  readonly reason: string
  /** One word for each cause that the Status names, such as `NamespaceTerminating`. */
  readonly causes: readonly string[]
  /** How long the API server asks to be left alone. */
  readonly retryAfterMs?: number
  /** Whether an earlier attempt of this same request may have been carried out: then a 409 may be our own doing. */
  readonly repeated: boolean

  constructor(message: string, details: ApiErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.status = details.status
    this.reason = details.reason
    this.repeated = details.repeated ?? false
    this.causes = details.causes ?? []
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs
  }
}

const has =
  (status: number, ...reasons: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof ApiError &&
    error.status === status &&
    (reasons.length === 0 || reasons.includes(error.reason))

/** The object is not there. A kind that is not served is something else: the API server sends no reason then. */
export const isNotFound = has(404, 'NotFound')

/** The object is not what the request expected it to be: decide again. */
export const isConflict = has(409, 'Conflict')

/** The name is taken. */
export const isAlreadyExists = has(409, 'AlreadyExists')

/** The resource version or page is too old to go on from: list again. */
export const isGone = has(410)

/**
 * The namespace is being deleted, so nothing can be created in it any more. That never changes again: what was wanted
 * there is over.
 */
export const isNamespaceTerminating = (error: unknown): boolean =>
  error instanceof ApiError && error.causes.includes('NamespaceTerminating')

/** The API server will not take this request however often it is sent: it is invalid, or we may not. */
export const isRefused = (error: unknown): boolean =>
  error instanceof ApiError && [400, 403, 413, 422].includes(error.status)

/** The API server could not be reached, or could not answer just now; it may be able to soon. */
export const isUnavailable = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 0 || error.status >= 500)
