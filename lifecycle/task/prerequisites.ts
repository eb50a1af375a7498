/**
 * Reads what a Job needs before it is made. Secrets and users' ConfigMaps are read by name, at this moment; nothing of them is
 * kept.
 *
 * @module
 */
import type { KeptnTask } from '../../api/index.ts'
import { ConfigMap, Job, Secret, type Container } from '../../api/kubernetes.ts'
import { findCondition } from '../../kube/conditions.ts'
import { codeKey } from '../task-definition/function-config-map.ts'
import { secureDataKey } from './environment.ts'
import { jobNames } from './job.ts'
import { isJobOf } from './own-job.ts'
import type { CodeAt, Plan } from './plan.ts'
import { isRestricted } from './pod-security.ts'
import { readSecret, secretsOf } from './read-secrets.ts'
import type { Prerequisites } from './seen.ts'
import { unlessForbidden, type Sources } from './sources.ts'
import { nameTaken } from './start.ts'

/** What is found of the things that the pod of a task would hang on. */
export const prerequisitesOf = async (
  sources: Sources,
  task: KeptnTask,
  plan: Plan,
): Promise<Prerequisites> => {
  const salt = await freeName(sources, task)
  return {
    ...(salt === undefined ? {} : { salt }),
    ...(isRestricted(sources.namespaces.get(undefined, task.metadata.namespace ?? ''))
      ? { isRestricted: true }
      : {}),
    ...(plan.kind === 'script' ? await needsOf(sources, task, plan) : {}),
    ...(plan.kind === 'container' ? await secretsFor(sources, task, plan.container) : {}),
  }
}

/**
 * The first of the names for a Job that is free. They are only looked through when the API server has said that the first is
 * taken: nobody but a person who wants it has a Job with such a name.
 */
const freeName = async ({ client }: Sources, task: KeptnTask): Promise<number | undefined> => {
  const { namespace = '' } = task.metadata
  const isTaken = findCondition(task.status?.conditions, 'Stalled')?.reason === nameTaken
  if (!isTaken) return 0
  for (const [salt, name] of jobNames(task).entries()) {
    const job = await client.get(Job, { namespace, name })
    if (job === undefined || isJobOf(task, job)) return salt
  }
  return undefined
}

/** What is found of what a script needs. */
type Needs = Pick<Prerequisites, 'secret' | 'secretVersions' | 'code' | 'isCopied'>

const needsOf = async (
  sources: Sources,
  task: KeptnTask,
  { code, secret }: Extract<Plan, { kind: 'script' }>,
): Promise<Needs> => {
  const found = 'name' in code ? await findCode(sources, task, code) : {}
  return secret === undefined ? found : { ...found, ...(await secretState(sources, task, secret)) }
}

const findCode = async (
  { client, configMaps }: Sources,
  task: KeptnTask,
  code: CodeAt,
): Promise<Needs> => ({
  // Inline code is in the definition, and the definition's controller sees to its ConfigMap.
  ...(code.text === undefined ? { code: await readCode(client, code) } : {}),
  ...(code.copy === undefined
    ? {}
    : { isCopied: configMaps.get(task.metadata.namespace, code.copy) !== undefined }),
})

const readCode = async (
  client: Sources['client'],
  { namespace, name }: CodeAt,
): Promise<NonNullable<Prerequisites['code']>> => {
  const configMap = await client.get(ConfigMap, { namespace, name })
  const text = configMap?.data?.[codeKey]
  return text === undefined ? 'missing' : { text }
}

/** Whether the Secret of a script is there. Where we may not look the kubelet will tell, which can read them all. */
const secretState = (
  { client }: Sources,
  { metadata: { namespace = '' } }: KeptnTask,
  name: string,
): Promise<Pick<Prerequisites, 'secret' | 'secretVersions'>> =>
  unlessForbidden<Pick<Prerequisites, 'secret' | 'secretVersions'>>(
    async () => {
      const secret = await client.get(Secret, { namespace, name })
      if (secret === undefined) return { secret: 'missing' }
      return secret.data?.[secureDataKey] === undefined
        ? { secret: 'key-missing' }
        : { secret: 'usable', ...versionsOf([secret]) }
    },
    { secret: 'unknown' },
  )

/** The kubelet waits for the Secrets of a user's container, as it would for any pod's: they are read for their versions. */
const secretsFor = async (
  { client }: Sources,
  { metadata: { namespace = '' } }: KeptnTask,
  container: Container,
): Promise<Pick<Prerequisites, 'secretVersions'>> => {
  const found = await Promise.all(
    secretsOf([container]).map((name) => readSecret(client, { namespace, name })),
  )
  return found.every((secret) => secret === undefined) ? {} : versionsOf(found)
}

const versionsOf = (
  secrets: readonly (Secret | undefined)[],
): Required<Pick<Prerequisites, 'secretVersions'>> => ({
  secretVersions: Object.fromEntries(
    secrets
      .filter((secret) => secret !== undefined)
      .map(({ metadata }) => [metadata.name, metadata.resourceVersion]),
  ),
})
