import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { thisMachine } from '../test/cluster/machine.ts'
import { ClusterError } from '../test/cluster/run.ts'
import type { Destination } from './delivery.ts'

/** What a command line says about an existing cluster. */
export interface ClusterOptions extends Destination {
  readonly kubeconfig?: string
  /** Don't ask. */
  readonly yes?: boolean
}

/** Adds the options that say which cluster to use and how images get there. */
export const withClusterOptions = (command: Command): Command =>
  command
    .option('--kubeconfig <file>', 'the cluster to use; the variable KUBECONFIG is never looked at')
    .option('--containerd <socket>', 'bring images there through its containerd on this machine')
    .option('--kind <name>', 'bring images to this kind cluster')
    .option('--registry <host/path>', 'push images to this registry, from which the cluster pulls')
    .option('--yes', 'do not ask')

/** Where the options say that images go. */
export const destinationIn = ({ containerd, kind, registry }: ClusterOptions): Destination => ({
  ...(containerd === undefined ? {} : { containerd }),
  ...(kind === undefined ? {} : { kind }),
  ...(registry === undefined ? {} : { registry }),
})

/** The folder of the programs that clusters of `npm run cluster` are made of, or an empty string if none was built. */
export const programFolder = (): string => {
  const { cacheFolder } = thisMachine()
  if (!existsSync(cacheFolder)) return ''
  // Those that an older checkout has built may lack one.
  const isWhole = (folder: string): boolean =>
    ['ctr', 'helm'].every((program) => existsSync(join(folder, program)))
  return (
    readdirSync(cacheFolder)
      .map((name) => join(cacheFolder, name))
      .find(isWhole) ?? ''
  )
}

/** Does what the command line says. Should it go wrong, the process says so and ends with code 1. */
export const runProgram = async (program: Command): Promise<void> => {
  try {
    await program.parseAsync()
  } catch (error) {
    // What went wrong on the machine or in the cluster is told in a sentence; anything else is a defect of ours.
    const said = error instanceof ClusterError ? error.message : String(error)
    process.stderr.write(`${said}\n`)
    process.exitCode = 1
  }
}
