/**
 * The processes of Gatekept that run in the cluster, as the machine sees them.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
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
export const residentMegabytes = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kilobytes === undefined) throw new Error(`Cannot read the memory of process ${pid}`)
  return (Number(kilobytes) * 1024) / 1e6
}
