/**
 * When containers were started on the cluster's node, as containerd tells it.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { programFolder } from '../../deploy/options.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { instantOf } from './audit.ts'

/** What is told of starts. */
export interface Starts {
  /** The instant of each start so far, of sandboxes and of containers, in milliseconds on the system's clock. */
  readonly all: () => readonly number[]
  readonly stop: () => void
}

/** `2026-11-22 18:43:55.123456789 +0000 UTC k8s.io /tasks/start {...}` */
const start = /^(\S+) (\S+) \+0000 UTC \S+ \/tasks\/start /

/** Listens to containerd from now on. */
export const watchStarts = ({ containerdSocket }: Cluster): Starts => {
  if (containerdSocket === undefined) throw new Error('Cannot watch containers: there is no node')
  const ctr = join(programFolder(), 'ctr')
  const child = spawn(ctr, ['-a', containerdSocket, '-n', 'k8s.io', 'events'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const instants: number[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, day, time] = start.exec(line) ?? []
    if (day !== undefined && time !== undefined) instants.push(instantOf(`${day}T${time}Z`))
  })
  return {
    all: () => [...instants],
    stop: () => {
      child.kill()
    },
  }
}
