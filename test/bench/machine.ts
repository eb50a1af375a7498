/**
 * On what a figure was measured: without that it says nothing.
 *
 * @module
 */
import { arch, cpus, loadavg, release, totalmem } from 'node:os'
import { root } from '../../deploy/paths.ts'
import { run } from '../cluster/run.ts'

/** What is known of the machine and of what was measured on it. */
export interface MachineFacts {
  readonly cores: number
  readonly processor: string
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  /** The commit that was measured; missing outside of a clone. */
  readonly commit?: string
  /** Whether files differed from the commit. */
  readonly isChanged?: boolean
}

const git = async (...args: readonly string[]): Promise<string | undefined> => {
  try {
    return (await run(['git', '-C', root, ...args])).trim()
  } catch {
    return undefined // A copy without its history can be measured, too.
  }
}

/** How busy the machine is: the load average of the last minute. */
export const loadAverage = (): number => loadavg()[0] ?? Number.NaN

/** Looks at the machine. */
export const machineFacts = async (): Promise<MachineFacts> => {
  const commit = await git('rev-parse', 'HEAD')
  const changes = await git('status', '--porcelain', '--untracked-files=no')
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? arch(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    ...(commit === undefined ? {} : { commit, isChanged: changes !== '' }),
  }
}
