/**
 * @module
 * Processes that outlive the one that started them. A process is known by its id and the moment it started,
 * because ids are used again: nothing is ever ended by its id alone.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { sleep } from './run.ts'

/** One process of this machine since its boot. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in the kernel's clock ticks since boot. */
  readonly startedAtTicks: number
}

/** What to run in the background, and where its output goes. */
export interface Launch {
  readonly command: readonly [program: string, ...args: string[]]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly log: string
}

interface Stat {
  readonly state: string
  readonly startedAtTicks: number
}

const readStat = (pid: number): Stat | undefined => {
  try {
    // The program's name is in parentheses and may hold anything; the fields are counted from its end.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { state: fields[0] ?? '', startedAtTicks: Number(fields[19]) }
  } catch {
    return undefined // Gone: there is nothing to read.
  }
}

/** The identity of a living process, or undefined if there is none (or it is dead and only not yet reaped). */
export const identify = (pid: number): ProcessIdentity | undefined => {
  const stat = readStat(pid)
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return undefined
  return { pid, startedAtTicks: stat.startedAtTicks }
}

/** Whether the very process still runs. */
export const isAlive = (process: ProcessIdentity): boolean =>
  identify(process.pid)?.startedAtTicks === process.startedAtTicks

/** Sends a signal to the very process, never to another that got its id; false if it is gone. */
export const signal = (target: ProcessIdentity, name: NodeJS.Signals): boolean => {
  if (!isAlive(target)) return false
  try {
    return process.kill(target.pid, name)
  } catch {
    return false // It ended in between.
  }
}

/** Starts a process in a session of its own, so that it does not end with us or with our terminal. */
export const launch = ({ command, cwd, env, log }: Launch): ProcessIdentity => {
  const [program, ...args] = command
  const output = openSync(log, 'a', 0o600)
  try {
    const child = spawn(program, args, {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', output, output],
    })
    // A program that is not there is noticed as a process that has ended.
    child.on('error', () => undefined)
    child.unref()
    const pid = child.pid ?? -1
    return identify(pid) ?? { pid, startedAtTicks: -1 }
  } finally {
    closeSync(output)
  }
}

/** Ends processes at once and resolves when they are gone. */
export const endAll = async (targets: readonly ProcessIdentity[]): Promise<void> => {
  let left = targets.filter((target) => signal(target, 'SIGKILL'))
  // A process in an uninterruptible wait dies when the wait ends; one that never does is left to the kernel.
  for (let round = 0; left.length > 0 && round < 500; round += 1) {
    await sleep(20)
    left = left.filter(isAlive)
  }
}

/** All processes whose program and arguments pass the test. */
export const findProcesses = (
  test: (program: string, args: readonly string[]) => boolean,
): ProcessIdentity[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && passes(entry, test))
    .flatMap((entry) => identify(Number(entry)) ?? [])

const passes = (pid: string, test: Parameters<typeof findProcesses>[0]): boolean => {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return test(readlinkSync(`/proc/${pid}/exe`), args)
  } catch {
    return false // Ended meanwhile, or a kernel thread.
  }
}
