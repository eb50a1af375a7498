/**
 * The processes of Gatekept that run in the cluster, as the machine sees them.
 *
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { programFolder } from '../../deploy/options.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { run } from '../cluster/run.ts'

/** The ids of the processes that containers of this name began with, one for each replica. */
export const processesOf = async (
  cluster: Cluster,
  container: string,
): Promise<readonly number[]> => {
  const { containerdSocket } = cluster
  if (containerdSocket === undefined) throw new Error('Cannot find processes: there is no node')
  const ctr = [join(programFolder(), 'ctr'), '-a', containerdSocket, '-n', 'k8s.io'] as const
  const label = `labels."io.kubernetes.container.name"==${container}`
  const ids = (await run([...ctr, 'containers', 'ls', '-q', label])).split('\n')
  const tasks = (await run([...ctr, 'tasks', 'ls'])).split('\n').map((line) => line.split(/\s+/))
  const pids = tasks.flatMap(([id = '', pid, status]) =>
    ids.includes(id) && status === 'RUNNING' ? [Number(pid)] : [],
  )
  if (pids.length === 0) throw new Error(`Cannot find a process of container "${container}"`)
  return pids
}

/** The memory of a process that lies in RAM now, in MB. */
export interface Resident {
  /** All of it: with the pages of the program's file, which all processes of the same Node share. */
  readonly all: number
  /** What nobody else has: heap, stacks, buffers. */
  readonly own: number
}

/** Looks at the memory of a process. */
export const residentMegabytes = (pid: number): Resident => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (field: string): number => {
    const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
    if (kilobytes === undefined) throw new Error(`Cannot read ${field} of process ${pid}`)
    return (Number(kilobytes) * 1024) / 1e6
  }
  return { all: read('VmRSS'), own: read('RssAnon') }
}

/** The files that say how much of the processors a process may claim where they are short, and what any process has. */
const claimsOf = (pid: number): readonly (readonly [file: string, usual: string])[] =>
  readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .flatMap(([, controllers = '', path = '']) => [
      [`/sys/fs/cgroup/${controllers}${path}/cpu.shares`, '1024'] as const,
      [`/sys/fs/cgroup${path}/cpu.weight`, '100'] as const,
    ])
    .filter(([file]) => existsSync(file))

/**
 * Gives a process in a container the same claim to the processors as one outside. On a node all that competes are pods, each
 * with the claim that it asked for; here, it is this benchmark, its peers and the control plane, which are none.
 */
export const claimAsOthers = (pid: number): void => {
  for (const [file, usual] of claimsOf(pid)) writeFileSync(file, usual)
}

const ticksPerSecond = 100

/** How long a process has kept processors busy since it began, in seconds. */
export const processorSeconds = (pid: number): number => {
  // The second field is the name, in brackets, and may have blanks in it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}
