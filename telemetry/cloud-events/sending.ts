/**
 * One CloudEvent as one request, and what its answer means.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 *
 * @module
 */
import type { Agent } from 'undici'
import type { Transition } from '../../kube/decision.ts'
import { post, whyNoAnswer, type Answer } from '../posting.ts'
import type { Sent } from './delivery.ts'
import { cloudEventOf, type CloudEventNames } from './event.ts'

/** Where events go, and how. */
export interface CloudEventSettings {
  readonly endpoint: string
  readonly mode: 'binary' | 'structured'
  readonly names: CloudEventNames
  /** Reads the token to send. Rejects with a sentence if there is none where there should be. */
  readonly token?: () => Promise<string>
}

/** What may be shown of an endpoint: no path, query or user, which may be secrets. */
export const shownEndpoint = (endpoint: string): string =>
  URL.canParse(endpoint) ? new URL(endpoint).origin : 'cloudEventsEndpoint'

const isHttp = (endpoint: string): boolean =>
  URL.canParse(endpoint) && ['http:', 'https:'].includes(new URL(endpoint).protocol)

const comesBack = (status: number): boolean => status === 408 || status === 429 || status >= 500

const meaningOf = ({ status, retryAfterMs }: Answer): Sent => {
  if (status >= 200 && status < 300) return { outcome: 'delivered' }
  const why = `it answers with HTTP status ${status}`
  if (!comesBack(status)) return { outcome: 'refused', why }
  return { outcome: 'away', why, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/** Sends the event of a transition. Redirects are not followed: the token is for the endpoint alone. */
export const sendCloudEvent = async (
  transition: Transition,
  settings: CloudEventSettings,
  { agent, signal }: { readonly agent: Agent; readonly signal: AbortSignal },
): Promise<Sent> => {
  const { endpoint, mode, names, token } = settings
  if (!isHttp(endpoint)) return { outcome: 'refused', why: 'it is no URL of http or https' }
  let authorization: Record<string, string> = {}
  try {
    if (token !== undefined) authorization = { authorization: `Bearer ${await token()}` }
  } catch (error) {
    return { outcome: 'away', why: (error as Error).message }
  }
  const { messageOf } = await import('./message.ts')
  const { headers, body } = messageOf(cloudEventOf(transition, names), mode)
  try {
    const url = new URL(endpoint)
    return meaningOf(
      await post(agent, { url, headers: { ...headers, ...authorization }, body }, { signal }),
    )
  } catch (error) {
    return { outcome: 'away', why: whyNoAnswer(error) }
  }
}
