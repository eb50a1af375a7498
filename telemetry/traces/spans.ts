/**
 * The spans of what is stored: each thing that has ended is one, and all of it follows from the objects (spec/lifecycle 9.2).
 *
 * | Span                      | Name                              | Parent                                         |
 * | ------------------------- | --------------------------------- | ---------------------------------------------- |
 * | app version               | its name                          | `spec.traceId`, or none                        |
 * | phase of an app version   | short name of the phase           | the app version                                |
 * | workload version          | its name                          | phase `AppDeploy` of the app version it began with |
 * | phase of one              | workload, `/`, short name         | the workload version                           |
 * | task, evaluation          | its name                          | the phase that runs it, or none                |
 *
 * Whoever tells a span, and however often, tells it under the same id. A phase that goes on after a skip ends twice, and is told
 * twice.
 *
 * @module
 */
import type {
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkloadVersion,
  State,
} from '../../api/index.ts'
import { childName } from '../../identity/names.ts'
import {
  isSampled,
  phaseSpan,
  readTraceparent,
  spanIdOf,
  traceIdOf,
  traceOfAppVersion,
  traceOfWorkloadVersion,
  versionSpan,
  type SpanContext,
  type VersionTrace,
} from '../../identity/trace.ts'

export type Version = KeptnAppVersion | KeptnWorkloadVersion
export type Check = KeptnTask | KeptnEvaluation
/** Whatever spans are made of. */
export type Traced = Version | Check

/** A phase, as far as spans tell of it. */
export interface TracedPhase {
  readonly name: string
  readonly longName: string
  /** Where the status has its state. */
  readonly state: string
  /** Of the tasks or evaluations that it runs, if it runs any. */
  readonly checkType?: string
}

/** What spans are made from, besides the object itself. */
export interface TraceSources {
  readonly phases: {
    readonly app: readonly TracedPhase[]
    readonly workload: readonly TracedPhase[]
  }
  /** The version that made a task or an evaluation; `undefined`: nobody knows one. */
  readonly ownerOf: (check: Check) => Version | undefined
}

/** Something of an object that has ended. */
export interface Ended {
  /** `version`, `task`, `evaluation`, or the short name of a phase. */
  readonly part: string
  readonly attempt: number
  readonly endTime: string
}

/** What has come of it. */
export type SpanOutcome = 'succeeded' | 'failed' | 'stopped'

/** A span that has ended. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parent?: { readonly traceId: string; readonly spanId: string }
  readonly scope: string
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  readonly outcome: SpanOutcome
  readonly attributes: Readonly<Record<string, string>>
  /** How many attributes there were beyond the limit. */
  readonly droppedAttributes: number
  readonly events: readonly { readonly name: string; readonly atMs: number }[]
  readonly links: readonly SpanContext[]
}

const mostAttributes = 64
const longestKey = 256
const longestText = 1_024
const mostLinks = 32
const mostEvents = 32

const cut = (text: string, limit = longestText): string => {
  const bytes = Buffer.from(text)
  if (bytes.length <= limit) return text
  const kept = bytes.subarray(0, limit - 3).toString('utf8')
  return `${kept.replace(/\uFFFD+$/, '')}…`
}

const isVersion = (object: Traced): object is Version => object.kind.endsWith('Version')

const isAppVersion = (object: Traced): object is KeptnAppVersion =>
  object.kind === 'KeptnAppVersion'

const isTask = (object: Traced): object is KeptnTask => object.kind === 'KeptnTask'

const attemptOf = (version: Version): number => version.status?.attempt ?? 1

const partOf = (check: Check): string => (isTask(check) ? 'task' : 'evaluation')

/** What of it has ended: nothing else is said about it, so that this is quick. */
export const endsOf = (object: Traced): readonly Ended[] => {
  const { endTime } = object.status ?? {}
  if (!isVersion(object)) {
    return endTime === undefined ? [] : [{ part: partOf(object), attempt: 1, endTime }]
  }
  const attempt = attemptOf(object)
  const phases = Object.entries(object.status?.phaseTimes ?? {}).flatMap(([part, times]) =>
    times.endTime === undefined ? [] : [{ part, attempt, endTime: times.endTime }],
  )
  return endTime === undefined ? phases : [...phases, { part: 'version', attempt, endTime }]
}

/** The id of the span of something that has ended. */
export const spanIdOfEnded = ({ metadata }: Traced, { attempt, part }: Ended): string =>
  spanIdOf(metadata.uid, attempt, part)

const traceOf = (version: Version, attempt = attemptOf(version)): VersionTrace =>
  isAppVersion(version)
    ? traceOfAppVersion(version, attempt)
    : traceOfWorkloadVersion(version, version.status?.phaseTraceIDs, attempt)

/** Whether whoever caused it wants it recorded; who says nothing does. */
const isWanted = (version: Version): boolean => isSampled(traceOf(version))

/** The words that a version lends to all spans of it. */
const metadataOf = (version: Version): Readonly<Record<string, string>> =>
  isAppVersion(version)
    ? (version.spec.metadata ?? {})
    : { ...version.status?.appContextMetadata, ...version.spec.metadata }

const ofVersion = (version: Version): Readonly<Record<string, string>> => {
  const { namespace = '' } = version.metadata
  return isAppVersion(version)
    ? {
        'keptn.deployment.app.name': version.spec.appName,
        'keptn.deployment.app.version': version.spec.version,
        'keptn.deployment.app.namespace': namespace,
      }
    : {
        'keptn.deployment.app.name': version.spec.app,
        'keptn.deployment.workload.name': version.spec.workloadName,
        'keptn.deployment.workload.version': version.spec.version,
        'keptn.deployment.workload.namespace': namespace,
      }
}

const ofCheck = (check: Check): Readonly<Record<string, string>> => {
  const context = isTask(check)
    ? { ...check.spec.context, workload: check.spec.context?.workloadName }
    : check.spec
  const { appName = '', appVersion = '', workload = '', workloadVersion = '' } = context
  return {
    'keptn.deployment.app.name': appName,
    'keptn.deployment.app.version': appVersion,
    'keptn.deployment.workload.name': workload,
    'keptn.deployment.workload.version': workloadVersion,
    [`keptn.deployment.${partOf(check)}.name`]: check.metadata.name,
    [`keptn.deployment.${partOf(check)}.type`]: check.spec.checkType ?? '',
  }
}

/** The attributes of a span: what anybody may write comes first, and what we say replaces it. */
const attributesOf = (
  object: Traced,
  metadata: Readonly<Record<string, string>>,
): Pick<Span, 'attributes' | 'droppedAttributes'> => {
  const own = isVersion(object) ? ofVersion(object) : ofCheck(object)
  const free = Object.entries(metadata)
    .filter(([key]) => key !== '' && !(key in own))
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
  const kept = free
    .filter(([key]) => Buffer.byteLength(key) <= longestKey)
    .slice(0, mostAttributes - Object.keys(own).length)
  const entries = [...kept, ...Object.entries(own)].map(([key, text]) => [key, cut(text)] as const)
  return {
    attributes: Object.fromEntries(entries),
    droppedAttributes: free.length - kept.length,
  }
}

const outcomes: Readonly<Partial<Record<State, SpanOutcome>>> = {
  Succeeded: 'succeeded',
  Warning: 'succeeded',
  Failed: 'failed',
}

const outcomeOf = (state: State | undefined): SpanOutcome =>
  (state === undefined ? undefined : outcomes[state]) ?? 'stopped'

const scopeOf = (object: Traced): string => {
  if (isAppVersion(object)) return 'keptn/lifecycle-operator/appversion'
  if (isVersion(object)) return 'keptn/lifecycle-operator/workloadversion'
  return `keptn/lifecycle-operator/${partOf(object)}`
}

const ending = { succeeded: 'has finished', failed: 'has failed', stopped: 'has been stopped' }
const phaseEnding = { ...ending, succeeded: 'has succeeded' }

/** An end that was stored with another clock than the beginning is no earlier than it. */
const timesOf = (startTime: string, endTime: string): Pick<Span, 'startMs' | 'endMs'> => {
  const startMs = Date.parse(startTime)
  return { startMs, endMs: Math.max(startMs, Date.parse(endTime)) }
}

/** The links of an app version to spans elsewhere, and what of them nobody can read. */
export const linksOf = ({
  spec,
}: KeptnAppVersion): { readonly links: readonly SpanContext[]; readonly unread: number } => {
  const texts = (spec.spanLinks ?? []).filter((text) => text.trim() !== '')
  const links = texts.flatMap((text) => readTraceparent(text.trim()) ?? [])
  return { links: links.slice(0, mostLinks), unread: texts.length - links.length }
}

/** A span as another one names it. */
const named = ({ traceId, spanId }: SpanContext): NonNullable<Span['parent']> => ({
  traceId,
  spanId,
})

const spanOfVersion = (version: Version, ended: Ended): Span => {
  const { status, metadata } = version
  const trace = traceOf(version, ended.attempt)
  const outcome = outcomeOf(status?.status)
  const times = timesOf(status?.startTime ?? metadata.creationTimestamp, ended.endTime)
  const level = isAppVersion(version) ? 'App Version' : 'WorkloadVersion'
  return {
    ...named(versionSpan(trace)),
    ...(trace.parent === undefined ? {} : { parent: named(trace.parent) }),
    scope: scopeOf(version),
    name: metadata.name,
    ...times,
    outcome,
    ...attributesOf(version, metadataOf(version)),
    events: [
      { name: `${level} Pre-Deployment Tasks started`, atMs: times.startMs },
      { name: `${metadata.name} ${ending[outcome]}`, atMs: times.endMs },
    ],
    links: isAppVersion(version) ? linksOf(version).links : [],
  }
}

const phasesOf = (version: Version, { phases }: TraceSources): readonly TracedPhase[] =>
  isAppVersion(version) ? phases.app : phases.workload

const spanOfPhase = (version: Version, ended: Ended, from: TraceSources): Span | undefined => {
  const { part, attempt, endTime } = ended
  const phase = phasesOf(version, from).find(({ name }) => name === part)
  const startTime = version.status?.phaseTimes?.[part]?.startTime
  if (phase === undefined || startTime === undefined) return undefined
  const states = version.status as unknown as Readonly<Record<string, State | undefined>>
  const outcome = outcomeOf(states[phase.state])
  const times = timesOf(startTime, endTime)
  const trace = traceOf(version, attempt)
  return {
    ...named(phaseSpan(trace, part)),
    parent: named(versionSpan(trace)),
    scope: scopeOf(version),
    name: isAppVersion(version) ? part : `${version.spec.workloadName}/${part}`,
    ...times,
    outcome,
    ...attributesOf(version, metadataOf(version)),
    events: [{ name: `${phase.longName} ${phaseEnding[outcome]}`, atMs: times.endMs }],
    links: [],
  }
}

const definitionOf = (check: Check): string =>
  isTask(check) ? check.spec.taskDefinition : check.spec.evaluationDefinition

/** In which attempt of its owner it was made: the name says so. */
const attemptOfCheck = (check: Check, owner: Version, phase: TracedPhase): number => {
  const definition = definitionOf(check)
  const present = attemptOf(owner)
  for (let attempt = present; attempt > 0; attempt -= 1) {
    const parts = [owner.metadata.uid, phase.name, definition] as const
    const name = childName(phase.checkType ?? '', definition, ...parts, attempt)
    if (name === check.metadata.name) return attempt
  }
  return present
}

/** Where the span of a check hangs; `undefined`: in no version. */
const placeOf = (
  check: Check,
  owner: Version | undefined,
  from: TraceSources,
): Pick<Span, 'traceId' | 'parent' | 'scope'> => {
  const phase =
    owner &&
    phasesOf(owner, from).find(
      ({ checkType }) => checkType !== undefined && checkType === check.spec.checkType,
    )
  if (owner === undefined || phase === undefined) {
    return { traceId: traceIdOf(check.metadata.uid), scope: scopeOf(check) }
  }
  const parent = named(
    toldParentOf(check) ??
      phaseSpan(traceOf(owner, attemptOfCheck(check, owner, phase)), phase.name),
  )
  return { traceId: parent.traceId, parent, scope: scopeOf(owner) }
}

/** The span that a task was told it runs in: its owner may have begun anew since, below another app version. */
const toldParentOf = (check: Check): SpanContext | undefined =>
  isTask(check) ? readTraceparent(check.spec.context?.metadata?.['traceparent']) : undefined

/** What of it has failed, in Keptn's words. */
const failuresOf = (check: Check): readonly string[] => {
  const { name } = check.metadata
  if (isTask(check)) {
    const { status, message = '' } = check.status ?? {}
    return status === 'Failed' ? [`task '${name}' failed with reason: '${message}'`] : []
  }
  return Object.entries(check.status?.evaluationStatus ?? {})
    .filter(([, { status }]) => status === 'Failed')
    .map(([metric, { value, message = '' }]) => {
      const why = message === '' ? '' : ` and reason: '${message}'`
      return `evaluation of '${metric}' failed with value: '${value}'${why}`
    })
}

/** What its version lends it, and what it was told itself, without the span that it was told to go on in. */
const lentTo = (check: Check, owner: Version | undefined): Readonly<Record<string, string>> => {
  const lent = owner === undefined ? {} : metadataOf(owner)
  if (!isTask(check)) return lent
  const told = Object.entries(check.spec.context?.metadata ?? {})
  return { ...lent, ...Object.fromEntries(told.filter(([key]) => key !== 'traceparent')) }
}

const checkOutcome = (check: Check): SpanOutcome =>
  outcomeOf(isTask(check) ? check.status?.status : check.status?.overallStatus)

const spanOfCheck = (check: Check, ended: Ended, from: TraceSources): Span | undefined => {
  const owner = from.ownerOf(check)
  if (owner !== undefined && !isWanted(owner)) return undefined
  const { name, creationTimestamp } = check.metadata
  const outcome = checkOutcome(check)
  const times = timesOf(check.status?.startTime ?? creationTimestamp, ended.endTime)
  // The end comes first, so that no number of failures takes its place.
  const events = [`${name} ${ending[outcome]}`, ...failuresOf(check)].slice(0, mostEvents)
  return {
    ...placeOf(check, owner, from),
    spanId: spanIdOfEnded(check, ended),
    name,
    ...times,
    outcome,
    ...attributesOf(check, lentTo(check, owner)),
    events: events.map((event) => ({ name: cut(event), atMs: times.endMs })),
    links: [],
  }
}

/** The span of something of an object that has ended; `undefined`: none is wanted. */
export const spanOf = (object: Traced, ended: Ended, from: TraceSources): Span | undefined => {
  if (!isVersion(object)) return spanOfCheck(object, ended, from)
  if (!isWanted(object)) return undefined
  return ended.part === 'version' ? spanOfVersion(object, ended) : spanOfPhase(object, ended, from)
}
