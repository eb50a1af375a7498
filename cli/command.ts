/**
 * What the commands that talk to a cluster have in common: which cluster, and how they end.
 *
 * @module
 */
import { Command, CommanderError } from 'commander'
import { createClient, type Client } from '../kube/client.ts'
import type { Connection } from '../kube/connection.ts'
import type { Choice } from './kubeconfig.ts'

/** What a command needs of its process. */
export interface Surroundings {
  /** Finds the cluster; its errors are sentences. */
  readonly connect: (choice: Choice) => Promise<Connection>
  readonly print: (text: string) => void
  /** For people: problems. */
  readonly complain: (text: string) => void
  /** Waits between two looks at the cluster. */
  readonly pause: () => Promise<unknown>
}

/** A mistake or a refusal, for people to read. */
export class Refusal extends Error {}

/** The command line of `gatekept NAME`, which knows how to choose a cluster. */
export const commandLine = (
  name: string,
  { print, complain }: Pick<Surroundings, 'print' | 'complain'>,
): Command =>
  new Command(`gatekept ${name}`)
    .option('--kubeconfig <file>', 'kubeconfig to use instead of the one that kubectl would use')
    .option('--context <name>', 'context of the kubeconfig')
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: complain })
    .showHelpAfterError(`See gatekept ${name} --help`)

/** Reads the arguments and does what they ask for; tells the exit code. */
export const runCommand = async (
  program: Command,
  args: readonly string[],
  run: () => Promise<number>,
): Promise<number> => {
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    // Commander has told it.
    if (error instanceof CommanderError) return error.exitCode
    throw error
  }
  return run()
}

/** Does something with a client of the cluster that is meant. A cluster that can't be found is a `Refusal`. */
export const withClient = async <Result>(
  { connect }: Surroundings,
  { kubeconfig, context, userAgent }: Choice & { readonly userAgent: string },
  run: (client: Client) => Promise<Result>,
): Promise<Result> => {
  const choice = {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  }
  const client = createClient(await connectTo(connect, choice), { userAgent })
  try {
    return await run(client)
  } finally {
    await client.close()
  }
}

const connectTo = async (connect: Surroundings['connect'], choice: Choice): Promise<Connection> => {
  try {
    return await connect(choice)
  } catch (error) {
    throw new Refusal((error as Error).message)
  }
}
