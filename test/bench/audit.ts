/**
 * What the API server wrote down of the calls it answered, from a place in its log on: a log of thousands of releases does not
 * fit into one string.
 *
 * @module
 */
import { createReadStream, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { Detail } from './result.ts'

/** A call that the API server answered, whatever the answer. */
export interface Call {
  readonly verb: string
  /** Plural, with the subresource: `pods/status`. */
  readonly resource: string
  readonly namespace: string
  readonly name: string
  /** Whether one of Gatekept's own service accounts made it. */
  readonly isOurs: boolean
  readonly agent: string
  /** When it was answered, as the system's clock has it. */
  readonly answeredAt: number
}

interface AuditEvent {
  readonly stage: string
  readonly verb: string
  readonly user?: { readonly username?: string }
  readonly userAgent?: string
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly stageTimestamp: string
}

/** An instant with microseconds or less, which a Date would cut off, in milliseconds. */
export const instantOf = (timestamp: string): number => {
  const [, whole = timestamp, fraction = ''] = /^([^.]*)\.(\d+)Z$/.exec(timestamp) ?? []
  return Date.parse(`${whole}Z`) + Number(`0.${fraction}`) * 1000
}

const ourAccounts = 'system:serviceaccount:keptn-system:'
const writeVerbs: readonly string[] = ['create', 'update', 'patch', 'delete', 'deletecollection']
/** Questions that are asked with a `create`: nothing is stored. */
const reviews: ReadonlySet<string> = new Set([
  'subjectaccessreviews',
  'selfsubjectaccessreviews',
  'selfsubjectreviews',
  'tokenreviews',
])

/** Whether something is stored: no read, watch or review; a lease says only that somebody is alive. */
export const isWrite = ({ verb, resource }: Call): boolean =>
  writeVerbs.includes(verb) && !reviews.has(resource) && resource !== 'leases'

/** Whether it is a read of what is there now. */
export const isRead = ({ verb, resource }: Call): boolean =>
  (verb === 'get' || verb === 'list') && resource !== 'leases'

/** Whether it tells of something. */
export const isEvent = ({ resource }: Call): boolean => resource === 'events'

const toCall = ({ verb, user, userAgent, objectRef = {}, stageTimestamp }: AuditEvent): Call => {
  const { resource = '', subresource, namespace = '', name = '' } = objectRef
  return {
    verb,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
    isOurs: user?.username?.startsWith(ourAccounts) ?? false,
    agent: userAgent ?? '',
    answeredAt: instantOf(stageTimestamp),
  }
}

/** The end of the log as it is now: what comes later is read from here. */
export const endOf = (file: string): number => statSync(file).size

/** The calls that were written down after this place, watches aside. */
export const readCalls = async (file: string, from: number): Promise<readonly Call[]> => {
  const end = endOf(file)
  if (end <= from) return []
  const calls: Call[] = []
  const lines = createInterface({ input: createReadStream(file, { start: from, end: end - 1 }) })
  for await (const line of lines) {
    const event = parse(line)
    if (event?.stage === 'ResponseComplete' && event.verb !== 'watch') calls.push(toCall(event))
  }
  return calls
}

/** The last line may still be on its way. */
const parse = (line: string): AuditEvent | undefined => {
  try {
    return JSON.parse(line) as AuditEvent
  } catch {
    return undefined
  }
}

const quietMs = 1_000

/** Waits until Gatekept writes nothing any more: events may lag behind. */
export const untilQuiet = async (file: string): Promise<void> => {
  for (;;) {
    const from = endOf(file)
    await pause(quietMs)
    if (!(await readCalls(file, from)).some((call) => call.isOurs && isWrite(call))) return
  }
}

/** How many calls there are of each verb and resource, most first. */
export const countCalls = (
  calls: readonly Call[],
): readonly { readonly what: string; readonly count: number }[] =>
  [...Map.groupBy(calls, ({ verb, resource }) => `${verb} ${resource}`)]
    .map(([what, { length }]) => ({ what, count: length }))
    .sort((a, b) => b.count - a.count)

/** What one of some things took, such as `a task`: our calls, and the writes of others that followed from it. */
export const callsOfEach = (
  one: string,
  count: number,
  calls: readonly Call[],
): readonly Detail[] => {
  const rows = (by: string, some: readonly Call[]): readonly Detail[] =>
    countCalls(some)
      .map(({ what, count: all }) => ({ what, each: all / count }))
      // Now and then something of the cluster's own comes by.
      .filter(({ each }) => each >= 0.05)
      .map(({ what, each }) => ({ what, values: { by, [one]: each } }))
  return [
    ...rows(
      'gatekept',
      calls.filter(({ isOurs }) => isOurs),
    ),
    ...rows(
      'others',
      calls.filter((call) => !call.isOurs && isWrite(call)),
    ),
  ]
}
