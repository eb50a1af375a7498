/**
 * `gatekept` as people call it, and `kubectl gatekept`.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionType } from '../api/actions.ts'
import { inCluster, type Connection } from '../kube/connection.ts'
import { runAct } from './act.ts'
import { runConvert } from './convert.ts'
import type { Choice } from './kubeconfig.ts'
import { runReleaseAll } from './release-all.ts'
import { runVerify } from './verify.ts'

/** Runs `gatekept convert`. */
export const convert = async (args: readonly string[]): Promise<void> => {
  process.exitCode = await runConvert(
    {
      read: (file) => (file === '-' ? text(process.stdin) : readFile(file, 'utf8')),
      print: (line) => process.stdout.write(line),
      complain: (line) => process.stderr.write(line),
    },
    args,
  )
}

/** Runs `gatekept release-all`. */
export const releaseAll = async (args: readonly string[]): Promise<void> => {
  process.exitCode = await runReleaseAll(
    {
      connect,
      ownNamespace: process.env['POD_NAMESPACE'],
      print: (line) => process.stdout.write(line),
      complain: (line) => process.stderr.write(line),
      // Twice what an API server takes to forget a policy.
      pause: () => sleep(2_000),
    },
    args,
  )
}

/** `gatekept release` and the others by which people ask a version for something. */
export const act =
  (type: ActionType) =>
  async (args: readonly string[]): Promise<void> => {
    process.exitCode = await runAct(
      {
        connect,
        print: (line) => process.stdout.write(line),
        complain: (line) => process.stderr.write(line),
        pause: () => sleep(500),
      },
      type,
      args,
    )
  }

/** Runs `gatekept verify`. */
export const verify = async (args: readonly string[]): Promise<void> => {
  process.exitCode = await runVerify(
    {
      connect,
      ownNamespace: process.env['POD_NAMESPACE'],
      print: (line) => process.stdout.write(line),
      complain: (line) => process.stderr.write(line),
      pause: () => sleep(500),
    },
    args,
  )
}

/** As kubectl finds it. The library that reads a kubeconfig is large: a pod, which has none, never loads it. */
const connect = async (choice: Choice): Promise<Connection> => {
  const isChosen = choice.kubeconfig !== undefined || choice.context !== undefined
  const files = process.env['KUBECONFIG'] ?? ''
  if (!isChosen && files === '' && !existsSync(join(homedir(), '.kube', 'config'))) {
    if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined) return inCluster()
    throw new Error(
      'Cannot find the cluster: there is no kubeconfig (--kubeconfig, KUBECONFIG or ~/.kube/config)',
    )
  }
  const { connectionOf, readKubeconfig } = await import('./kubeconfig.ts')
  return connectionOf(readKubeconfig(choice))
}
