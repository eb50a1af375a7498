/**
 * One random history of a simulated cluster, from its seed: who does what next, what gets lost, who leads, when a process
 * dies.
 *
 * @module
 */
import { Namespace } from '../../api/kubernetes.ts'
import type { Transition } from '../../kube/decision.ts'
import { ApiError } from '../../kube/errors.ts'
import { createApiServer, type ApiServer, type Change, type Stored } from './api-server.ts'
import { withVirtualTime, type Clock } from './clock.ts'
import { createOracle } from './oracle/index.ts'
import { startProcess, type Request, type SimulatedProcess } from './process.ts'
import { createRandom, type Random } from './random.ts'
import type { Step } from './step.ts'
import type { Watch } from './watch.ts'
import { createWorld, type World } from './world.ts'

/** What a history has come to. */
export interface Outcome {
  readonly seed: number
  /** What went wrong; empty is good. */
  readonly complaints: readonly string[]
  readonly steps: number
  readonly crashes: number
  readonly opened: number
}

/** How often a process may die, and for how many steps things may go wrong: in the end all must come right. */
const mostCrashes = 4
const troubledSteps = 400
const mostSteps = 6_000
/** A cluster in which nothing has happened for so long is settled, whatever timers there are. */
const settledMs = 3_600_000

const realSetImmediate = setImmediate

/** Lets everything happen that waits for nothing. */
const settle = (): Promise<void> =>
  new Promise((resolve) => {
    realSetImmediate(resolve)
  })

/** Where a history is. */
interface History {
  readonly seed: number
  readonly random: Random
  readonly clock: Clock
  readonly server: ApiServer
  readonly world: World
  readonly announce: (transitions: readonly Transition[]) => void
  /** Tells what happens besides what is stored. */
  readonly remark: (what: string) => void
  /** The processes that there should be; one that is missing starts again. */
  readonly processes: (SimulatedProcess | undefined)[]
  /** What dead processes have sent, and is still on its way. */
  readonly late: Request[]
  /** One watch at a time may hang for a while, and one request. */
  hanging: Watch | undefined
  stuck: Request | undefined
  isSettled: boolean
  steps: number
  crashes: number
  /** How often it was asked what became of an owner. */
  ownerReads: number
  terms: number
  writes: number
}

/** Runs the history of a seed. `trace` is told of every change that is stored. */
export const runHistory = (seed: number, trace?: (line: string) => void): Promise<Outcome> =>
  withVirtualTime(seed, async (clock) => {
    const random = createRandom(seed)
    const server = createApiServer(() => new Date())
    const world = createWorld(server, random, createRandom(seed ^ 0x5eed))
    const oracle = createOracle(server, world.intent)
    const told = new Map<string, number>()
    const history: History = {
      seed,
      random,
      clock,
      server,
      world,
      announce: (transitions) => {
        for (const { id } of transitions) told.set(id, (told.get(id) ?? 0) + 1)
      },
      remark: (what) => trace?.(`${history.steps} ${what}`),
      processes: Array.from({ length: random.chance(0.25) ? 2 : 1 }, () => undefined),
      late: [],
      hanging: undefined,
      stuck: undefined,
      isSettled: false,
      steps: 0,
      crashes: 0,
      ownerReads: 0,
      terms: 0,
      writes: 0,
    }
    server.onChange((change) => {
      trace?.(`${history.steps} ${lineOf(change)}`)
      oracle.judge(change)
    })
    const complaints: string[] = []
    try {
      await runToEnd(history)
      oracle.judgeEnd()
      if (isQuiet(history)) complaints.push(...toldTwice(told, server))
      history.remark('all processes start again')
      complaints.push(...(await judgeRestart(history, oracle.hasForgotten())))
    } catch (error) {
      complaints.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
    for (const process of history.processes) process?.crash()
    const { steps, crashes } = history
    const opened = [...told.keys()].filter((id) => id.endsWith('/WorkloadDeploy/Started')).length
    return { seed, complaints: [...oracle.complaints, ...complaints], steps, crashes, opened }
  })

/** Whether nothing has happened after which a fact may be told again. */
const isQuiet = ({ crashes, terms, world }: History): boolean =>
  crashes === 0 && terms === 1 && world.intent.deleted.size === 0

const toldTwice = (told: ReadonlyMap<string, number>, server: ApiServer): readonly string[] => {
  const present = new Set(server.all().map(({ metadata }) => metadata.uid))
  return (
    [...told]
      // What went with its owner may have been seen to lack something once more: that ends with it.
      .filter(([id]) => present.has(id.split('/')[0] ?? ''))
      // A rollback moves a workload to a revision that it was moved to before, and a list that people delete is made again.
      .filter(([id, count]) => count > 1 && !/\/(UpdateWorkload|Adopted)\//.test(id))
      .map(([id]) => `Told twice: ${id}`)
  )
}

/** All processes die and start again, though nothing is to be done: they may look, and write nothing. */
const judgeRestart = async (
  history: History,
  hasForgotten: boolean,
): Promise<readonly string[]> => {
  for (const [index, process] of history.processes.entries()) {
    process?.crash()
    history.processes[index] = undefined
  }
  const { writes } = history
  history.isSettled = true
  await runToEnd(history)
  // Of two owners of one workload it may depend on the order of things which of them has it.
  return history.writes > writes && !hasForgotten && !history.world.intent.hasTwin
    ? ['A restart in a settled cluster wrote something']
    : []
}

/**
 * Goes on until nothing is left to do, and nothing has been asked for an hour but what becomes of an owner: those are read,
 * not watched, again and again where a held pod hangs on its owner.
 */
const runToEnd = async (history: History): Promise<void> => {
  const { clock, seed } = history
  for (let idleSince = Date.now(); history.steps < mostSteps; history.steps += 1) {
    await settle()
    const possible = choices(history)
    if (possible.length > 0) {
      const { ownerReads } = history
      takeOne(history, possible)
      if (history.ownerReads === ownerReads) idleSince = Date.now()
    } else if (history.stuck !== undefined || history.hanging !== undefined) {
      history.stuck = undefined
      history.hanging = undefined
    } else if (clock.waiting() === 0 || Date.now() - idleSince > settledMs) {
      return
    } else clock.next()
  }
  throw new Error(`Cannot end history ${seed}: it does not settle`)
}

const takeOne = (history: History, possible: readonly Step[]): void => {
  const { random, clock } = history
  const troubles = isTroubled(history) && random.chance(0.03) ? troublesOf(history) : []
  random.pick(troubles.length > 0 ? troubles : possible)()
  if (random.chance(0.1)) clock.advance(random.between(1, 700))
}

const isTroubled = ({ steps, isSettled }: History): boolean => steps < troubledSteps && !isSettled

/** Everything that could happen next; what is there several times is likelier. */
const choices = (history: History): readonly Step[] => {
  const { random, world, processes, late } = history
  const running = processes.filter((process) => process !== undefined)
  delaySomething(history, running)
  const ours = [
    ...startSteps(history),
    ...leaseSteps(history, running),
    ...running.flatMap((process) => requestSteps(history, process)),
    ...late.map((request) => () => {
      carryOutLate(history, request)
    }),
  ]
  const news = running.flatMap((process) => watchSteps(history, process))
  const machinery = world.machinery()
  // People take their time, but not for ever.
  const isTheirTurn = ours.length + news.length + machinery.length === 0 || random.chance(0.05)
  return [...ours, ...ours, ...news, ...news, ...machinery, ...(isTheirTurn ? world.people() : [])]
}

const startSteps = ({ processes, server, announce, remark }: History): readonly Step[] =>
  [...processes.entries()]
    .filter(([, process]) => process === undefined)
    .map(([index]) => () => {
      remark(`process ${index} starts`)
      processes[index] = startProcess(server, announce)
    })

/** Who notices that its term is over, and who takes the lease while nobody has it. */
const leaseSteps = (history: History, running: readonly SimulatedProcess[]): readonly Step[] => {
  const ending = running.filter((process) => process.hasLapsed()).map(({ endTerm }) => endTerm)
  if (running.some((process) => process.leads())) return ending
  const beginning = running
    .filter((process) => process.mayLead())
    .map((process) => () => {
      history.terms += 1
      history.remark(`process ${history.processes.indexOf(process)} leads`)
      process.lead()
    })
  return [...ending, ...beginning]
}

/** Now and then another request or watch is the one that gets no further for a while, or none is. */
const delaySomething = (history: History, running: readonly SimulatedProcess[]): void => {
  const { random, remark } = history
  if (random.chance(0.02)) {
    const requests = isTroubled(history) ? running.flatMap((process) => process.requests) : []
    history.stuck = requests.length > 0 ? random.pick(requests) : undefined
    if (history.stuck !== undefined) remark(`${history.stuck.what}: stuck`)
  }
  if (random.chance(0.02)) {
    const watches = isTroubled(history) ? running.flatMap((process) => process.watches) : []
    const behind = watches.filter((watch) => watch.isBehind())
    history.hanging = behind.length > 0 ? random.pick(behind) : undefined
    if (history.hanging !== undefined) remark(`the watch of ${history.hanging.kind} hangs`)
  }
}

const isOwnerRead = ({ what }: Request): boolean =>
  /^get (ReplicaSet|Deployment|StatefulSet|DaemonSet|Rollout) /.test(what)

const requestSteps = (history: History, process: SimulatedProcess): readonly Step[] => {
  const { requests } = process
  return requests
    .filter((request) => request !== history.stuck)
    .map((request) => () => {
      requests.splice(requests.indexOf(request), 1)
      if (isOwnerRead(request)) history.ownerReads += 1
      answer(history, process, request)
    })
}

const watchSteps = (history: History, { watches }: SimulatedProcess): readonly Step[] =>
  watches
    .filter((watch) => watch !== history.hanging && watch.isBehind())
    .map((watch) => watch.deliver)

const crash = (history: History, process: SimulatedProcess): void => {
  const { processes, late, random } = history
  history.crashes += 1
  history.remark(`process ${processes.indexOf(process)} dies`)
  processes[processes.indexOf(process)] = undefined
  // What was sent may arrive, though nobody waits for the answer any more.
  late.push(...process.crash().filter(({ isWrite }) => isWrite && random.chance(0.5)))
}

const carryOutLate = ({ late, remark, world }: History, request: Request): void => {
  late.splice(late.indexOf(request), 1)
  remark(`${request.what}: late`)
  world.intent.isLate = true
  try {
    request.carryOut()
  } catch (error) {
    // Its sender would have got to know.
    if (!(error instanceof ApiError)) throw error
  } finally {
    world.intent.isLate = false
  }
}

const answer = (history: History, process: SimulatedProcess, request: Request): void => {
  const fate = isTroubled(history) ? fateOf(request, history.random.next()) : 'good'
  if (request.isWrite) {
    history.writes += 1
    if (history.isSettled) history.remark(`${request.what}: asked for again`)
  }
  if (fate !== 'good') history.remark(`${request.what}: ${fate}`)
  const refusal = refusals[fate]
  if (refusal !== undefined) {
    request.refuse(refusal)
    return
  }
  try {
    history.world.intent.isLate = request.isLate()
    const value = request.carryOut()
    if (fate === 'crash' && history.crashes < mostCrashes) crash(history, process)
    else if (fate === 'lost') request.refuse(lost)
    else request.answer(value)
  } catch (error) {
    request.refuse(error)
  } finally {
    history.world.intent.isLate = false
  }
}

/** What goes wrong on its own, besides what becomes of requests. */
const troublesOf = (history: History): readonly Step[] =>
  history.processes.flatMap((process, index) =>
    process === undefined ? [] : troublesOfProcess(history, process, index),
  )

const troublesOfProcess = (
  history: History,
  process: SimulatedProcess,
  index: number,
): readonly Step[] => {
  const { random, remark } = history
  const remarked =
    (what: string, step: Step): Step =>
    () => {
      remark(`process ${index} ${what}`)
      step()
    }
  const watch = random.pick(process.watches)
  const losses = process.leads()
    ? [
        remarked('does not lead any more, and does not know', process.lapse),
        remarked('leads no more', process.endTerm),
      ]
    : []
  const deaths =
    history.crashes < mostCrashes
      ? [
          () => {
            crash(history, process)
          },
        ]
      : []
  return [
    remarked(`is told again of ${watch.kind}`, watch.repeat),
    remarked(`loses its watch of ${watch.kind}`, () => {
      watch.expire()
    }),
    ...losses,
    ...deaths,
  ]
}

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

const verbOf = ({ before, after }: Change): string => {
  if (before === undefined) return 'made'
  return after === undefined ? 'gone' : 'changed'
}

/** What a trace shows of an object: its status, and of the namespace what it says to us. */
const stateOf = ({ kind, metadata, status }: Stored): string => {
  const { labels, annotations } = metadata
  const said = kind === Namespace.kind ? { labels, annotations } : status
  return said === undefined ? '' : JSON.stringify(said)
}

const lineOf = (change: Change): string => {
  const { type, before, after, isOurs } = change
  const { name } = (after ?? before)?.metadata ?? { name: '' }
  const state = after === undefined ? '' : stateOf(after)
  return `${isOurs ? 'we' : 'they'} ${verbOf(change)} ${type.kind} ${name} ${state}`
}
