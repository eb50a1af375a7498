/**
 * Refusals in the form that every client of a Kubernetes API reads.
 *
 * @module
 */

/** What a request was refused for. */
export interface Refusal {
  readonly code: number
  /** One word for programs. */
  readonly reason: string
  /** A sentence for people. */
  readonly message: string
  /** When to try again; not given: trying again changes nothing. */
  readonly retryAfterSeconds?: number
}

/** A refusal on its way to whoever asked. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly refusal: Refusal

  constructor(refusal: Refusal, cause?: unknown) {
    super(refusal.message, cause === undefined ? undefined : { cause })
    this.refusal = refusal
  }
}

/** A refusal as a Status object. */
export const statusOf = ({ code, reason, message, retryAfterSeconds }: Refusal): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  reason,
  ...(retryAfterSeconds !== undefined && { details: { retryAfterSeconds } }),
  code,
})
