/**
 * The facts that the lifecycle tells: their words are the events' reasons, and part of what users' scripts look for.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import { referenceTo, type Transition } from '../kube/decision.ts'
import { attributesOf } from './attributes.ts'
import { completedPhase } from './phases.ts'

/** Which words events have: those of the documentation that users were given, or those that Keptn really sent. */
export type EventNames = 'seeds' | 'keptn'

/** What happened to a phase. */
export type PhaseFact = NonNullable<Transition['phase']>['state']

const keptnWords: Readonly<Record<PhaseFact, string>> = {
  Started: 'Started',
  Succeeded: 'Finished',
  Errored: 'Failed',
}
const sentences: Readonly<Record<PhaseFact, string>> = {
  Started: 'has started',
  Succeeded: 'has finished',
  Errored: 'has failed',
}

/** What the API server takes as an event's note, in bytes. */
const longestNote = 1024
/** Of a note, what may say where it happened: a version can be as long as its author likes. */
const longestPlace = 480
/** The longest attribute, in bytes: an event has a dozen of them. */
const longestAttribute = 253
/** The longest message that is shown as it is, in bytes. */
const longestMessage = 900

/** Cuts a text to so many bytes, between two characters, and shows that it was cut. */
export const cutMessage = (text: string, limit = longestMessage): string => {
  const bytes = Buffer.from(text)
  if (bytes.length <= limit) return text
  const mark = '…'
  return bytes
    .subarray(0, limit - Buffer.byteLength(mark))
    .toString('utf8')
    .replace(/\uFFFD+$/, '')
    .concat(mark)
}

/** What a fact is about and when it became true. */
export interface Telling {
  readonly subject: KubeObject
  /** The version of the application or workload. */
  readonly version: string
  readonly eventNames: EventNames
  readonly now: Date
  /** Which attempt of the subject it is about, where it may have several: what happens again is another fact. */
  readonly attempt?: number
  /** How many checks people have skipped in it: a phase that goes on for that may fail once more, and nothing but that. */
  readonly skips?: number
}

const idOf = ({ subject, attempt = 1, skips = 0 }: Telling, fact: string): string => {
  const place = skips === 0 ? '' : `/skips-${String(skips)}`
  return attempt === 1
    ? `${subject.metadata.uid}/${fact}${place}`
    : `${subject.metadata.uid}/${fact}/${String(attempt)}${place}`
}

const message = (telling: Telling, sentence: string): string => {
  const { namespace = '', name } = telling.subject.metadata
  const version = telling.version === '' ? '' : `, Version: ${telling.version}`
  const place = cutMessage(` / Namespace: ${namespace}, Name: ${name}${version}`, longestPlace)
  return cutMessage(sentence, longestNote - Buffer.byteLength(place)).concat(place)
}

/** What a transition says of its subject in words for filters. */
const attributes = (
  { subject, version }: Telling,
  phase: string,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(attributesOf(subject, phase, version)).map(([key, value]) => [
      key,
      cutMessage(value, longestAttribute),
    ]),
  )

/** A phase was entered or left. `detail` says why it failed. */
export const phaseTransition = (
  telling: Telling,
  phase: { readonly name: string; readonly longName: string },
  fact: PhaseFact,
  detail?: string,
): Transition => ({
  id: idOf(fact === 'Errored' ? telling : { ...telling, skips: 0 }, `${phase.name}/${fact}`),
  subject: referenceTo(telling.subject),
  reason: `${phase.name}${telling.eventNames === 'keptn' ? keptnWords[fact] : fact}`,
  severity: fact === 'Errored' ? 'Warning' : 'Normal',
  message: message(
    telling,
    `${phase.longName}: ${sentences[fact]}${detail === undefined ? '' : `: ${detail}`}`,
  ),
  at: telling.now,
  phase: { name: phase.name, longName: phase.longName, state: fact },
  attributes: attributes(telling, phase.name),
})

/** The whole version has come to its good end. */
export const completedTransition = (telling: Telling, level: 'App' | 'Workload'): Transition => ({
  id: idOf({ ...telling, skips: 0 }, `${completedPhase}/Succeeded`),
  subject: referenceTo(telling.subject),
  reason: telling.eventNames === 'keptn' ? `${level}CompletedFinished` : completedPhase,
  severity: 'Normal',
  message: message(telling, `${level} ${completedPhase}: has finished`),
  at: telling.now,
  phase: { name: completedPhase, longName: `${level} ${completedPhase}`, state: 'Succeeded' },
  attributes: attributes(telling, completedPhase),
})

/** The whole version has failed. Only Keptn has a word for it: the phase that failed says as much. */
export const failedTransitions = (
  telling: Telling,
  level: 'App' | 'Workload',
): readonly Transition[] =>
  telling.eventNames === 'keptn'
    ? [
        factTransition(telling, {
          reason: `${level}CompletedFailed`,
          what: completedPhase,
          message: `${level} ${completedPhase}: has failed`,
          severity: 'Warning',
          phase: completedPhase,
        }),
      ]
    : []

/** Any other fact about an object: something was made, or waits for a person. `what` makes its id its own. */
export const factTransition = (
  telling: Telling,
  fact: {
    readonly reason: string
    readonly what: string
    readonly message: string
    readonly severity?: 'Warning'
    /** The phase that it is about, where its subject does not tell. */
    readonly phase?: string
    /** What it is about besides. Each is short. */
    readonly attributes?: Readonly<Record<string, string>>
  },
): Transition => ({
  id: idOf(telling, `${fact.reason}/${fact.what}`),
  subject: referenceTo(telling.subject),
  reason: fact.reason,
  severity: fact.severity ?? 'Normal',
  message: message(telling, fact.message),
  at: telling.now,
  attributes: { ...attributes(telling, fact.phase ?? fact.reason), ...fact.attributes },
})
