/**
 * A transition as a message for people: what its text says, and the form in which each kind of receiver takes it.
 *
 * | Receiver  | Takes                                                                                                       |
 * | --------- | ----------------------------------------------------------------------------------------------------------- |
 * | `slack`   | https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks                                    |
 * | `teams`   | an Adaptive Card, as https://learn.microsoft.com/connectors/teams/#microsoft-teams-webhook says               |
 * | `webhook` | JSON of our own: the text, and all that it was made from                                                     |
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { Transition } from '../../kube/decision.ts'
import { outcomeOf, phaseOf, type Outcome } from './filter.ts'
import { fill, readTemplate, type Template } from './template.ts'

/** Who takes messages. */
export type ReceiverType = 'slack' | 'teams' | 'webhook'

const marks: Readonly<Record<Outcome, string>> = {
  Started: '▶️',
  Succeeded: '✅',
  Failed: '❌',
  Warning: '⚠️',
  Note: 'ℹ️',
}

const defaultTemplate = '{{mark}} {{message}}'

/** Of what a transition is about besides, that may stand in a template. */
const attributePlaces = [
  ...['appName', 'appVersion', 'workloadName', 'workloadVersion', 'version'],
  ...['taskName', 'evaluationName'],
] as const

/** What a transition says of itself. */
const factsOf = (transition: Transition) => {
  const { subject, reason, severity, message, at } = transition
  const { kind, name, namespace = '' } = subject
  const phase = phaseOf(transition)
  return {
    ...{ outcome: outcomeOf(transition), message, reason, severity, time: at.toISOString() },
    ...{ kind, namespace, name, phase, phaseName: transition.phase?.longName ?? phase },
  }
}

/** What may stand in a template, and what it is. */
const valuesOf = (transition: Transition): Readonly<Record<string, string>> => {
  const { attributes = {} } = transition
  const rest = attributePlaces.map((place) => [place, attributes[place] ?? ''])
  return {
    ...Object.fromEntries(rest),
    ...factsOf(transition),
    mark: marks[outcomeOf(transition)],
  } as Readonly<Record<string, string>>
}

const places = Object.keys(
  valuesOf({
    ...{ id: '', reason: '', severity: 'Normal', message: '', at: new Date(0) },
    subject: { apiVersion: '', kind: '', name: '', uid: '' },
  }),
)

/** Reads the template of a receiver; `''`: the one that is usual. Throws a sentence about what is wrong with it. */
export const templateOf = (text: string): Template =>
  readTemplate(text.trim() === '' ? defaultTemplate : text, places)

/** What stands between these means something to Slack: a link, or everybody in a channel. */
const forSlack = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const asItIs = (text: string): string => text

/** Slack cuts off what is longer, and so do we, before it. */
const longest = 3_500

const cut = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}…` : text)

/** Runs of text are shown as they are: a name can't become a link. */
const card = (text: string): object => ({
  type: 'message',
  attachments: [
    {
      contentType: 'application/vnd.microsoft.card.adaptive',
      content: {
        $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
        type: 'AdaptiveCard',
        version: '1.4',
        body: [{ type: 'RichTextBlock', inlines: [{ type: 'TextRun', text }] }],
      },
    },
  ],
})

/** The same for the same fact: a receiver of JSON can tell by it what it was told. */
export const idOf = ({ id }: Transition): string =>
  createHash('sha256').update(id).digest('hex').slice(0, 16)

/** The body that is posted. */
export const bodyOf = (type: ReceiverType, template: Template, transition: Transition): string => {
  const values = valuesOf(transition)
  if (type === 'slack') return JSON.stringify({ text: cut(fill(template, values, forSlack)) })
  const text = cut(fill(template, values, asItIs))
  if (type === 'teams') return JSON.stringify(card(text))
  const { attributes = {} } = transition
  return JSON.stringify({ id: idOf(transition), text, ...factsOf(transition), attributes })
}
