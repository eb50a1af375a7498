/**
 * One CloudEvent as one request, and what its answer means.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 *
 * @module
 */
import type { CloudEventV1 } from 'cloudevents'
import type { Agent } from 'undici'
import type { Transition } from '../../kube/decision.ts'
import { post, whyNoAnswer, type Answer, type Post } from '../posting.ts'
import type { Sent } from '../delivery.ts'
import { cdEventsOf, isCdEvent } from './cd-event.ts'
import { cloudEventOf, type CloudEventNames } from './event.ts'

/** Where events go, and how. */
export interface CloudEventSettings {
  readonly endpoint: string
  readonly mode: 'binary' | 'structured'
  /** Which words they have. */
  readonly names: CloudEventNames | 'cdevents'
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

/** Whether there is anything to send: some formats have no words for it. */
export const isTold = (transition: Transition, { names }: CloudEventSettings): boolean =>
  names !== 'cdevents' || isCdEvent(transition)

const eventsOf = (
  transition: Transition,
  { names }: CloudEventSettings,
): readonly CloudEventV1<unknown>[] =>
  names === 'cdevents' ? cdEventsOf(transition) : [cloudEventOf(transition, names)]

/**
 * Sends the events of a transition, one in most formats. Where one is refused the others are sent all the same. Redirects are
 * not followed: the token is for the endpoint alone.
 */
export const sendCloudEvent = async (
  transition: Transition,
  settings: CloudEventSettings,
  { agent, signal }: { readonly agent: Agent; readonly signal: AbortSignal },
): Promise<Sent> => {
  const { endpoint, token } = settings
  if (!isHttp(endpoint)) return { outcome: 'refused', why: 'it is no URL of http or https' }
  let authorization: Record<string, string> = {}
  try {
    if (token !== undefined) authorization = { authorization: `Bearer ${await token()}` }
  } catch (error) {
    return { outcome: 'away', why: (error as Error).message }
  }
  const { messageOf } = await import('./message.ts')
  const url = new URL(endpoint)
  let outcome: Sent = { outcome: 'delivered' }
  for (const event of eventsOf(transition, settings)) {
    const { headers, body } = messageOf(event, settings.mode)
    const message = { url, headers: { ...headers, ...authorization }, body }
    const sent = await sendMessage(agent, message, signal)
    if (sent.outcome === 'away') return sent
    if (sent.outcome === 'refused') outcome = sent
  }
  return outcome
}

const sendMessage = async (agent: Agent, message: Post, signal: AbortSignal): Promise<Sent> => {
  try {
    return meaningOf(await post(agent, message, { signal }))
  } catch (error) {
    return { outcome: 'away', why: whyNoAnswer(error) }
  }
}
