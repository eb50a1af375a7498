/**
 * The environment that a task finds itself in. Users' scripts and tests compare it byte for byte with Keptn's, so JSON is
 * written here as Go writes it.
 *
 * @module
 */
import type { KeptnTask, KeptnTaskDefinition, RuntimeSpec, TaskContext } from '../../api/index.ts'
import type { Container, EnvVar } from '../../api/kubernetes.ts'

type Parameters = Readonly<Record<string, string>> | undefined

/** The key of a Secret that a script may be given; also the name of its variable. */
export const secureDataKey = 'SECURE_DATA'

const secretOf = (holder: Pick<RuntimeSpec, 'secureParameters'>): string | undefined => {
  const secret = holder.secureParameters?.secret
  return secret === '' ? undefined : secret
}

/** The Secret whose data a script gets: the task's own instead of its definition's. */
export const secretFor = (
  task: Pick<KeptnTask, 'spec'>,
  runtime: RuntimeSpec,
): string | undefined => secretOf(task.spec) ?? secretOf(runtime)

/** The environment of a script, in Keptn's order. `script`: a path or a URL. */
export const scriptEnvironment = (
  task: Pick<KeptnTask, 'spec'>,
  runtime: RuntimeSpec,
  script: string,
): readonly EnvVar[] => {
  const data = sortedEntries(runtime.parameters?.map, task.spec.parameters?.map)
  const secret = secretFor(task, runtime)
  return [
    ...(data.length === 0 ? [] : [{ name: 'DATA', value: goObject(data) }]),
    contextVariable(task.spec),
    { name: 'CMD_ARGS', value: runtime.cmdParameters ?? '' },
    ...(secret === undefined
      ? []
      : [
          {
            name: secureDataKey,
            valueFrom: { secretKeyRef: { name: secret, key: secureDataKey } },
          },
        ]),
    { name: 'SCRIPT', value: script },
  ]
}

/** The environment of a user's container: its own, and the context in the place where it names it, else at the end. */
export const containerEnvironment = (
  task: Pick<KeptnTask, 'spec'>,
  container: Pick<NonNullable<KeptnTaskDefinition['spec']['container']>, 'env'> | Container,
): readonly EnvVar[] => {
  const context = contextVariable(task.spec)
  const own = container.env ?? []
  return own.some(({ name }) => name === context.name)
    ? own.map((variable) => (variable.name === context.name ? context : variable))
    : [...own, context]
}

const contextVariable = ({ context = {}, results }: KeptnTask['spec']): EnvVar => ({
  name: 'KEPTN_CONTEXT',
  value: contextJson(context, results),
})

/**
 * What a task is run for, as JSON: six texts that are always there, the metadata if there is any, and the results of others
 * for a task that depends on them.
 */
export const contextJson = (
  context: TaskContext,
  results?: KeptnTask['spec']['results'],
): string => {
  const texts = [
    ['workloadName', context.workloadName],
    ['appName', context.appName],
    ['appVersion', context.appVersion],
    ['workloadVersion', context.workloadVersion],
    ['taskType', context.taskType],
    ['objectType', context.objectType],
  ] as const
  const metadata = sortedEntries(context.metadata, undefined)
  const members = texts.map(([name, value]) => `${goString(name)}:${goString(value ?? '')}`)
  if (metadata.length > 0) members.push(`${goString('metadata')}:${goObject(metadata)}`)
  if (results !== undefined)
    members.push(`${goString('results')}:${withoutVariables(goJson(results))}`)
  return `{${members.join(',')}}`
}

/** The entries of both maps, those of the first winning, in the order in which Go sorts keys: by their bytes. */
const sortedEntries = (
  winning: Parameters,
  adding: Parameters,
): readonly (readonly [string, string])[] => {
  const all = new Map([...Object.entries(adding ?? {}), ...Object.entries(winning ?? {})])
  return [...all].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

// Written by hand, because an object of JavaScript puts keys that look like numbers first.
const goObject = (entries: readonly (readonly [string, string])[]): string =>
  `{${entries.map(([key, value]) => `${goString(key)}:${goString(value)}`).join(',')}}`

const goJson = (value: unknown): string => {
  if (typeof value === 'string') return goString(value)
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )
  return `{${members.map(([key, member]) => `${goString(key)}:${goJson(member)}`).join(',')}}`
}

/**
 * Kubernetes replaces `$(NAME)` and `$$` in the values of variables; a result may hold either.
 * https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
const withoutVariables = (json: string): string => json.replaceAll('$', '\\u0024')

/** A string as Go's encoder writes it: besides what JSON demands, it escapes what could end a script element. */
const goString = (text: string): string =>
  JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
