/**
 * Where the time of a release goes: the writes that led to the opening of its gate, as the API server wrote them down.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { instantOf } from './audit.ts'
import type { Detail } from './result.ts'
import { median } from './statistics.ts'

interface AuditEvent {
  readonly stage: string
  readonly verb: string
  readonly userAgent?: string
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code?: number }
  readonly responseObject?: { readonly metadata?: { readonly name?: string } }
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
}

/** A write, with its instants in milliseconds. */
interface Write {
  readonly what: string
  readonly agent: string
  readonly workload: string
  readonly receivedAt: number
  readonly answeredAt: number
}

const verbs: readonly string[] = ['create', 'update', 'patch']

/** Workloads are named alike, and all that is made for one begins with its name. */
const workloadLength = 5

const whatOf = ({ verb, objectRef = {}, responseStatus }: AuditEvent): string => {
  const { resource = '', subresource } = objectRef
  const code = responseStatus?.code ?? 0
  const place = subresource === undefined ? resource : `${resource}/${subresource}`
  return `${verb} ${place}${code >= 400 ? ` (${code})` : ''}`
}

const nameOf = ({ objectRef, responseObject }: AuditEvent): string =>
  responseObject?.metadata?.name ?? objectRef?.name ?? ''

const toWrite = (event: AuditEvent): Write => ({
  what: whatOf(event),
  agent: event.userAgent?.split(/[ /]/)[0] ?? '',
  workload: nameOf(event).slice(0, workloadLength),
  receivedAt: instantOf(event.requestReceivedTimestamp),
  answeredAt: instantOf(event.stageTimestamp),
})

const readWrites = (file: string, workloads: ReadonlySet<string>): readonly Write[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    // The last line may still be on its way.
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ stage, verb }) => stage === 'ResponseComplete' && verbs.includes(verb))
    .map(toWrite)
    .filter(({ workload }) => workloads.has(workload))
    .sort((a, b) => a.receivedAt - b.receivedAt)

const opening = (write: Write): boolean =>
  write.what === 'patch pods' && write.agent.startsWith('gatekept')

/** A write of one release, counted from the creation of its Deployment; the second of its sort is another. */
interface Step {
  readonly label: string
  readonly agent: string
  readonly fromMs: number
  readonly toMs: number
}

/** The writes that were begun before the gate was gone. */
const stepsOf = (writes: readonly Write[]): readonly Step[] => {
  const start = writes.find(({ what }) => what === 'create deployments')?.receivedAt
  const end = writes.find(opening)?.answeredAt
  if (start === undefined || end === undefined) return []
  const counts = new Map<string, number>()
  return writes
    .filter(({ receivedAt }) => receivedAt >= start && receivedAt <= end)
    .map(({ what, agent, receivedAt, answeredAt }) => {
      const number = (counts.get(what) ?? 0) + 1
      counts.set(what, number)
      const label = number === 1 ? what : `${what} #${number}`
      return { label, agent, fromMs: receivedAt - start, toMs: answeredAt - start }
    })
}

/** Medians over all releases of each write that at least half of them had, in the order in which they begin. */
export const chainOf = (auditLog: string, workloads: readonly string[]): readonly Detail[] => {
  const byWorkload = Map.groupBy(
    readWrites(auditLog, new Set(workloads)),
    ({ workload }) => workload,
  )
  const steps = [...byWorkload.values()].flatMap(stepsOf)
  return [...Map.groupBy(steps, ({ label }) => label)]
    .filter(([, all]) => all.length * 2 >= workloads.length)
    .map(([what, all]) => ({
      what,
      values: {
        by: all[0]?.agent ?? '',
        'received at ms': median(all.map(({ fromMs }) => fromMs)),
        'answered at ms': median(all.map(({ toMs }) => toMs)),
        'took ms': median(all.map(({ fromMs, toMs }) => toMs - fromMs)),
        of: `${all.length}`,
      },
    }))
    .sort((a, b) => a.values['received at ms'] - b.values['received at ms'])
}
