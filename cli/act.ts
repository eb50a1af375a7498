/**
 * `gatekept release`, `retry`, `skip` and `abort`: asks a version for something, and tells what became of it.
 *
 * Nothing is decided here: an entry is added to what people have asked of the version, and Gatekept answers it.
 *
 * @module
 */
import {
  mostActions,
  type ActionRecord,
  type ActionType,
  type VersionAction,
} from '../api/actions.ts'
import { KeptnAppVersion, KeptnWorkloadVersion } from '../api/index.ts'
import type { KubeObject, ResourceType } from '../api/object.ts'
import type { Client } from '../kube/client.ts'
import { ApiError, isConflict } from '../kube/errors.ts'
import { commandLine, Refusal, runCommand, withClient, type Surroundings } from './command.ts'
import type { Choice } from './kubeconfig.ts'

interface Flags extends Choice {
  readonly namespace: string
  readonly reason: string
  readonly check?: string
  readonly wait: boolean
}

/** What each is for, in its help. */
const purposes: Readonly<Record<ActionType, string>> = {
  release: 'Let the pods of a version go, whatever its checks before the deployment say',
  retry: 'Begin a failed version anew',
  skip: 'Count one check of a version as passed',
  abort: 'End a version as failed, and stop what it runs',
}

/** Both kinds of versions, by what kubectl calls them. */
type Version = KubeObject & {
  readonly spec: { readonly actions?: readonly VersionAction[] }
  readonly status?: { readonly actions?: readonly ActionRecord[] }
}
const kinds: readonly (readonly [ResourceType<Version>, readonly string[]])[] = [
  [KeptnWorkloadVersion, ['keptnworkloadversions', 'keptnworkloadversion', 'kwv']],
  [KeptnAppVersion, ['keptnappversions', 'keptnappversion', 'kav']],
]

/** Looks at the version this often after asking; with half a second between, some ten seconds. */
const looks = 20
/** Others may ask at the same time. */
const attempts = 5

/** Runs one of the commands with these arguments, and tells the exit code: 0 only if what was asked is carried out. */
export const runAct = async (
  surroundings: Surroundings,
  type: ActionType,
  args: readonly string[],
): Promise<number> => {
  const program = commandLine(type, surroundings)
    .description(purposes[type])
    .argument(
      '<version>',
      'keptnworkloadversion/NAME (kwv/NAME) or keptnappversion/NAME (kav/NAME)',
    )
    .requiredOption('-n, --namespace <name>', 'where the version is')
    .requiredOption('--reason <text>', 'why, for those who look into it later')
    .option('--no-wait', 'ask, and do not wait for what becomes of it')
  if (type === 'skip') {
    program.requiredOption(
      '--check <name>',
      'name of the KeptnTaskDefinition or KeptnEvaluationDefinition to skip',
    )
  }
  return runCommand(program, args, () =>
    act(surroundings, { type, version: program.args[0] ?? '', flags: program.opts<Flags>() }),
  )
}

interface Wish {
  readonly type: ActionType
  readonly version: string
  readonly flags: Flags
}

/** One version, as it is asked for. */
interface Subject {
  readonly type: ResourceType<Version>
  readonly namespace: string
  readonly name: string
}

const act = async (surroundings: Surroundings, wish: Wish): Promise<number> => {
  const { flags, type, version } = wish
  try {
    const subject = { namespace: flags.namespace, ...parseVersion(version) }
    const userAgent = `gatekept-${type}`
    return await withClient(surroundings, { ...flags, userAgent }, async (client) => {
      try {
        return await ask(client, surroundings, { ...wish, subject })
      } catch (error) {
        throw error instanceof ApiError ? new Refusal(toldOf(error, type, subject)) : error
      }
    })
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    surroundings.complain(`${error.message}\n`)
    return 1
  }
}

const parseVersion = (text: string): Pick<Subject, 'type' | 'name'> => {
  const [word = '', name = '', ...rest] = text.split('/')
  const kind = word.toLowerCase().replace(/\.lifecycle\.keptn\.sh$/, '')
  const found = kinds.find(([, words]) => words.includes(kind))
  if (found === undefined || name === '' || rest.length > 0) {
    throw new Refusal(
      `Cannot tell which version "${text}" is: write kwv/NAME for a KeptnWorkloadVersion, kav/NAME for a KeptnAppVersion`,
    )
  }
  return { type: found[0], name }
}

const ask = async (
  client: Client,
  { print, pause }: Surroundings,
  { type, flags, subject }: Wish & { readonly subject: Subject },
): Promise<number> => {
  const by = await whoAmI(client)
  const { reason, check } = flags
  const { id } = await add(client, subject, {
    ...{ type, by, reason },
    ...(check === undefined ? {} : { check }),
  })
  print(`Asked ${shown(subject)} for "${type}", as "${id}".\n`)
  if (!flags.wait) return 0
  for (let look = 1; look <= looks; look += 1) {
    const { status } = await read(client, subject)
    const record = status?.actions?.find((each) => each.id === id)
    if (record?.outcome === 'CarriedOut') {
      print(`${record.message}.\n`)
      return 0
    }
    if (record !== undefined) throw new Refusal(`Refused: ${record.message}`)
    await pause()
  }
  throw new Refusal(
    `Nothing has become of it yet: it is carried out once what was asked before is, and while the lifecycle operator runs. See status.actions: kubectl --namespace ${subject.namespace} get ${subject.type.plural} ${subject.name} --output yaml`,
  )
}

const whoAmI = async (client: Client): Promise<string> => {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const answer = (await client.raw({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    body: review,
  })) as { readonly status?: { readonly userInfo?: { readonly username?: string } } }
  const name = answer.status?.userInfo?.username
  if (name === undefined) throw new Refusal('Cannot tell who you are: the API server does not say')
  return name
}

const read = async (client: Client, subject: Subject): Promise<Version> => {
  const { type, ...at } = subject
  const version = await client.get(type, at)
  if (version === undefined) throw new Refusal(`There is no ${shown(subject)}`)
  return version
}

/** Adds an entry behind what others have asked, and again if somebody was quicker. */
const add = async (
  client: Client,
  subject: Subject,
  entry: Omit<VersionAction, 'id'>,
): Promise<VersionAction> => {
  const { type, ...at } = subject
  for (let attempt = 1; ; attempt += 1) {
    const { metadata, spec } = await read(client, subject)
    const past = spec.actions ?? []
    if (past.length >= mostActions) {
      throw new Refusal(
        `${shown(subject)} has been asked for ${mostActions} things, which is as many as it takes: raise the version`,
      )
    }
    const added = { id: freeId(entry.type, past), ...entry }
    try {
      await client.patch(type, {
        ...at,
        patchType: 'merge',
        patch: {
          metadata: { resourceVersion: metadata.resourceVersion },
          spec: { actions: [...past, added] },
        },
      })
      return added
    } catch (error) {
      if (!isConflict(error) || attempt === attempts) throw error
    }
  }
}

/** The type and a number: `retry-2`. */
const freeId = (type: ActionType, past: readonly VersionAction[]): string => {
  const taken = new Set(past.map(({ id }) => id))
  let number = past.filter((entry) => entry.type === type).length + 1
  while (taken.has(`${type}-${number}`)) number += 1
  return `${type}-${number}`
}

const shown = ({ type, namespace, name }: Subject): string => `${type.kind} "${namespace}/${name}"`

/** What the API server says, and which rights it takes where it only says which one is missing. */
const toldOf = (error: ApiError, verb: ActionType, { type, namespace }: Subject): string => {
  if (error.status !== 403 || error.message.includes('takes the verb')) return error.message
  return `${error.message}\nIt takes the verbs get, patch and ${verb} on ${type.plural}.${type.group} in namespace "${namespace}"; the ClusterRole keptn:version-actions has them`
}
