/**
 * `gatekept verify`: does this installation hold pods? Tells each answer as a sentence.
 *
 * @module
 */
import { Namespace } from '../api/kubernetes.ts'
import { keys } from '../identity/keys.ts'
import type { Client } from '../kube/client.ts'
import { ApiError } from '../kube/errors.ts'
import { commandLine, Refusal, runCommand, withClient, type Surroundings } from './command.ts'
import {
  findApis,
  findGuard,
  findHeld,
  findOptIn,
  findPrograms,
  type Finding,
  type Place,
} from './findings.ts'
import type { Choice } from './kubeconfig.ts'

interface Flags extends Choice {
  readonly namespace: string
  readonly tryIn?: string
}

/** A namespace that is made to try pods in, and deleted in the end. */
const ownNamespace = 'gatekept-verify'

/** Runs the command with these arguments, and tells the exit code: 0 only if pods are held as they should be. */
export const runVerify = (
  surroundings: Surroundings & {
    /** Where we run, if in a pod. */
    readonly ownNamespace: string | undefined
  },
  args: readonly string[],
): Promise<number> => {
  const program = commandLine('verify', surroundings)
    .description('Say whether this installation holds pods; those that are tried are never stored')
    .option(
      '-n, --namespace <name>',
      'where Gatekept is installed',
      surroundings.ownNamespace ?? 'keptn-system',
    )
    .option(
      '--try-in <namespace>',
      `a namespace that has opted in, to try pods in (default: "${ownNamespace}", made for that and deleted)`,
    )
  return runCommand(program, args, () => verify(surroundings, program.opts<Flags>()))
}

const verify = async (surroundings: Surroundings, flags: Flags): Promise<number> => {
  const { complain, pause } = surroundings
  const { namespace, tryIn } = flags
  try {
    const userAgent = 'gatekept-verify'
    return await withClient(surroundings, { ...flags, userAgent }, (client) =>
      tryIn === undefined
        ? inOwnNamespace(client, () =>
            look(surroundings, { client, namespace, tryIn: ownNamespace, pause }),
          )
        : look(surroundings, { client, namespace, tryIn, pause }),
    )
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof ApiError)) throw error
    complain(`${error.message}\n`)
    return 1
  }
}

const inOwnNamespace = async (client: Client, run: () => Promise<number>): Promise<number> => {
  const { metadata } = await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: ownNamespace, annotations: { [keys.optIn]: 'enabled' } },
  })
  try {
    return await run()
  } finally {
    await client.delete(Namespace, { name: ownNamespace, uid: metadata.uid })
  }
}

const marks: Readonly<Record<Finding['outcome'], string>> = {
  ok: 'ok   ',
  noted: 'note ',
  failed: 'FAIL ',
}

/** Asks one thing after the other, and tells each answer at once. Without a managed namespace no pod can be tried. */
const look = async ({ print }: Surroundings, place: Place): Promise<number> => {
  let failures = 0
  const tell = (...findings: readonly Finding[]): void => {
    for (const { outcome, sentence } of findings) print(`${marks[outcome]} ${sentence}\n`)
    failures += findings.filter(({ outcome }) => outcome === 'failed').length
  }
  tell(...(await findPrograms(place)))
  tell(...(await findApis(place)))
  const optIn = await findOptIn(place)
  tell(optIn)
  if (optIn.outcome === 'ok') {
    tell(...(await findHeld(place)))
    tell(...(await findGuard(place)))
  }
  print(failures === 0 ? 'Pods are held as they should be.\n' : `${failures} of these failed.\n`)
  return failures === 0 ? 0 : 1
}
