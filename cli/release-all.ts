/**
 * `gatekept release-all`: lets every pod go and takes away what would hold more, whether or not Gatekept runs.
 *
 * @module
 */
import { leave, previewLeaving } from '../gate/leaving/leave.ts'
import { missingRights } from '../gate/leaving/rights.ts'
import { ApiError } from '../kube/errors.ts'
import { commandLine, Refusal, runCommand, withClient, type Surroundings } from './command.ts'
import type { Choice } from './kubeconfig.ts'

interface Flags extends Choice {
  readonly namespace: string
  readonly dryRun?: boolean
}

/** Runs the command with these arguments, and tells the exit code: 0 only if nothing is held any more. */
export const runReleaseAll = (
  surroundings: Surroundings & {
    /** Where we run, if in a pod. */
    readonly ownNamespace: string | undefined
  },
  args: readonly string[],
): Promise<number> => {
  const program = commandLine('release-all', surroundings)
    .description(
      'Let all held pods go and take away our policies and webhooks, so that nothing is held or refused any more',
    )
    .option(
      '-n, --namespace <name>',
      'where Gatekept is installed, or was',
      surroundings.ownNamespace ?? 'keptn-system',
    )
    .option('--dry-run', 'say what would be done, and do nothing')
  return runCommand(program, args, () => releaseAll(surroundings, program.opts<Flags>()))
}

const releaseAll = async (surroundings: Surroundings, flags: Flags): Promise<number> => {
  const { print, complain, pause } = surroundings
  const { namespace, dryRun } = flags
  const tell = (sentence: string): void => {
    print(`${sentence}\n`)
  }
  try {
    const userAgent = 'gatekept-release-all'
    return await withClient(surroundings, { ...flags, userAgent }, async (client) => {
      const missing = await missingRights(client, namespace)
      if (missing.length > 0) {
        const rights = missing.map((right) => `  ${right}\n`).join('')
        complain(`Nothing was done. You may not:\n${rights}`)
        return 1
      }
      if (dryRun === true) {
        await previewLeaving({ client, namespace, tell })
        return 0
      }
      return (await leave({ client, namespace, tell, pause })) ? 0 : 1
    })
  } catch (error) {
    if (error instanceof Refusal) complain(`${error.message}\n`)
    else if (error instanceof ApiError) {
      complain(`${error.message}\nWhat was done stays done. Run this again.\n`)
    } else throw error
    return 1
  }
}
