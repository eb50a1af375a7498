/**
 * One random history of a simulated cluster, from its seed: who does what next, what gets lost, when the process dies.
 *
 * @module
 */
import { KeptnApp, KeptnAppVersion, KeptnWorkload, KeptnWorkloadVersion } from '../../api/index.ts'
import type { Transition } from '../../kube/decision.ts'
import { ApiError } from '../../kube/errors.ts'
import { createApiServer, type Change } from './api-server.ts'
import { withVirtualTime } from './clock.ts'
import { createOracle } from './oracle.ts'
import { startProcess, type Request, type SimulatedProcess, type Watch } from './process.ts'
import { createRandom } from './random.ts'
import { createWorld, type Step } from './world.ts'

/** What a history has come to. */
export interface Outcome {
  readonly seed: number
  /** What went wrong; empty is good. */
  readonly complaints: readonly string[]
  readonly steps: number
  readonly crashes: number
  readonly opened: number
  readonly isBlocking: boolean
}

/** How often the process may die, and for how many steps things may go wrong: in the end all must come right. */
const mostCrashes = 4
const troubledSteps = 400
const mostSteps = 6_000

const realSetImmediate = setImmediate

/** Lets everything happen that waits for nothing. */
const settle = (): Promise<void> =>
  new Promise((resolve) => {
    realSetImmediate(resolve)
  })

/** Runs the history of a seed. `trace` is told of every change that is stored. */
export const runHistory = (seed: number, trace?: (line: string) => void): Promise<Outcome> =>
  withVirtualTime(seed, async (clock) => {
    const random = createRandom(seed)
    const server = createApiServer(() => new Date())
    const world = createWorld(server, random)
    const oracle = createOracle(server, world.intent)
    const told = new Map<string, number>()
    let changes = 0
    let steps = 0
    let crashes = 0
    /** The kinds of ours of which one was deleted: it is made again, and that is told again. */
    const deleted = new Set<string>()
    let process: SimulatedProcess | undefined
    server.onChange((change) => {
      changes += 1
      trace?.(`${String(steps)} ${lineOf(change)}`)
      oracle.judge(change)
      if (change.after === undefined && made.has(change.type.kind)) deleted.add(change.type.kind)
    })
    const announce = (transitions: readonly Transition[]): void => {
      for (const { id } of transitions) told.set(id, (told.get(id) ?? 0) + 1)
    }
    const start = (): void => {
      process = startProcess(server, announce)
    }
    const crash = (): void => {
      crashes += 1
      process?.crash()
      process = undefined
    }
    const isTroubled = (): boolean => steps < troubledSteps

    const answer = (request: Request): void => {
      const fate = isTroubled() ? fateOf(request, random.next()) : 'good'
      const refusal = refusals[fate]
      if (refusal !== undefined) {
        request.refuse(refusal)
        return
      }
      try {
        const value = request.carryOut()
        if (fate === 'crash' && crashes < mostCrashes) crash()
        else if (fate === 'lost') request.refuse(lost)
        else request.answer(value)
      } catch (error) {
        request.refuse(error)
      }
    }

    const requestSteps = ({ requests }: SimulatedProcess): readonly Step[] =>
      requests.map((request) => () => {
        requests.splice(requests.indexOf(request), 1)
        answer(request)
      })
    /** One watch at a time may hang for a while. */
    let hanging: Watch | undefined
    const watchSteps = ({ watches }: SimulatedProcess): readonly Step[] => {
      if (random.chance(0.02)) hanging = isTroubled() ? random.pick(watches) : undefined
      const behind = watches.filter(isBehind)
      const moving = behind.filter((watch) => watch !== hanging)
      return (moving.length > 0 ? moving : behind).map((watch) => watch.deliver)
    }

    /** Everything that could happen next; what is there several times is likelier. */
    const choices = (): readonly Step[] => {
      const ours = process === undefined ? [start] : requestSteps(process)
      const news = process === undefined ? [] : watchSteps(process)
      const machinery = world.machinery()
      const people = world.people()
      // People take their time, but not for ever.
      const isTheirTurn = ours.length + news.length + machinery.length === 0 || random.chance(0.05)
      return [...ours, ...ours, ...news, ...news, ...machinery, ...(isTheirTurn ? people : [])]
    }

    /** Takes the next step; `false` when there is none. */
    const step = (): boolean => {
      const possible = choices()
      if (possible.length === 0) {
        if (clock.waiting() === 0) return false
        clock.next()
        return true
      }
      random.pick(possible)()
      if (random.chance(0.1)) clock.advance(random.between(1, 700))
      return true
    }

    const runToEnd = async (): Promise<void> => {
      for (; steps < mostSteps; steps += 1) {
        await settle()
        if (!step()) return
      }
      throw new Error(`Cannot end history ${String(seed)}: it does not settle`)
    }

    const complaints = oracle.complaints as string[]
    try {
      await runToEnd()
      oracle.judgeEnd()
      if (crashes === 0 && deleted.size === 0) complaints.push(...toldTwice(told))
      const before = changes
      process?.crash()
      start()
      await runToEnd()
      if (changes > before) complaints.push('A restart in a settled cluster changed something')
    } catch (error) {
      complaints.push(String(error))
    }
    process?.crash()
    const opened = [...told.keys()].filter((id) => id.endsWith('/WorkloadDeploy/Started')).length
    return { seed, complaints, steps, crashes, opened, isBlocking: world.intent.blocking }
  })

/** What becomes of a request: it is not taken, it is taken and its answer lost, or the process dies right after it. */
type Fate = 'good' | 'busy' | 'moved' | 'lost' | 'crash'

const fateOf = ({ isWrite }: Request, chance: number): Fate => {
  if (chance < 0.02) return 'busy'
  if (!isWrite) return 'good'
  if (chance < 0.04) return 'moved'
  if (chance < 0.06) return 'crash'
  return chance < 0.08 ? 'lost' : 'good'
}

const refusals: Partial<Readonly<Record<Fate, ApiError>>> = {
  busy: new ApiError('Busy', { status: 503, reason: 'ServiceUnavailable' }),
  moved: new ApiError('Moved', { status: 409, reason: 'Conflict' }),
}
const lost = new ApiError('Lost', { status: 0, reason: 'ConnectionReset' })

const made: ReadonlySet<string> = new Set([
  KeptnApp.kind,
  KeptnAppVersion.kind,
  KeptnWorkload.kind,
  KeptnWorkloadVersion.kind,
])

const toldTwice = (told: ReadonlyMap<string, number>): readonly string[] =>
  [...told].filter(([, count]) => count > 1).map(([id]) => `Told twice: ${id}`)

const isBehind = (watch: Watch): boolean => watch.behind() > 0

const lineOf = ({ type, before, after }: Change): string => {
  const verb = before === undefined ? 'made' : after === undefined ? 'gone' : 'changed'
  const { name } = (after ?? before)?.metadata ?? { name: '' }
  const state = after?.status === undefined ? '' : JSON.stringify(after.status)
  return `${verb} ${type.kind} ${name} ${state}`
}
