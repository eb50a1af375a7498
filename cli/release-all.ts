/**
 * `gatekept release-all`: lets every pod go and takes away what would hold more, whether or not Gatekept runs.
 *
 * @module
 */
import { Command, CommanderError } from 'commander'
import { leave, previewLeaving } from '../gate/leaving/leave.ts'
import { missingRights } from '../gate/leaving/rights.ts'
import { createClient } from '../kube/client.ts'
import type { Connection } from '../kube/connection.ts'
import { ApiError } from '../kube/errors.ts'
import type { Choice } from './kubeconfig.ts'

/** What the program needs of its process. */
export interface Surroundings {
  /** Finds the cluster; its errors are sentences. */
  readonly connect: (choice: Choice) => Promise<Connection>
  /** Where we run, if in a pod. */
  readonly ownNamespace: string | undefined
  readonly print: (text: string) => void
  /** For people: problems. */
  readonly complain: (text: string) => void
  readonly pause: () => Promise<unknown>
}

interface Flags extends Choice {
  readonly namespace: string
  readonly dryRun?: boolean
}

/** Runs the command with these arguments, and tells the exit code: 0 only if nothing is held any more. */
export const runReleaseAll = async (
  surroundings: Surroundings,
  args: readonly string[],
): Promise<number> => {
  const { print, complain, ownNamespace } = surroundings
  let code = 0
  const program = new Command('gatekept release-all')
    .description(
      'Let all held pods go and take away our policies and webhooks, so that nothing is held or refused any more',
    )
    .option('--kubeconfig <file>', 'kubeconfig to use instead of the one that kubectl would use')
    .option('--context <name>', 'context of the kubeconfig')
    .option(
      '-n, --namespace <name>',
      'where Gatekept is installed, or was',
      ownNamespace ?? 'keptn-system',
    )
    .option('--dry-run', 'say what would be done, and do nothing')
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: complain })
    .showHelpAfterError('See gatekept release-all --help')
    .action(async (flags: Flags) => {
      code = await releaseAll(surroundings, flags)
    })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // Commander has told it.
    if (error instanceof CommanderError) return error.exitCode
    throw error
  }
}

const releaseAll = async (
  { connect, print, complain, pause }: Surroundings,
  { namespace, dryRun, ...choice }: Flags,
): Promise<number> => {
  let connection: Connection
  try {
    connection = await connect(choice)
  } catch (error) {
    complain(`${(error as Error).message}\n`)
    return 1
  }
  const client = createClient(connection, { userAgent: 'gatekept-release-all' })
  const tell = (sentence: string): void => {
    print(`${sentence}\n`)
  }
  try {
    const missing = await missingRights(client, namespace)
    if (missing.length > 0) {
      complain(`Nothing was done. You may not:\n${missing.map((right) => `  ${right}\n`).join('')}`)
      return 1
    }
    if (dryRun === true) {
      await previewLeaving({ client, namespace, tell })
      return 0
    }
    return (await leave({ client, namespace, tell, pause })) ? 0 : 1
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    complain(`${error.message}\nWhat was done stays done. Run this again.\n`)
    return 1
  } finally {
    await client.close()
  }
}
