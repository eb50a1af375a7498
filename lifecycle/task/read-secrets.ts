/**
 * Reads the Secrets that a task is given, and tells how what they hold is kept out of its output.
 *
 * @module
 */
import { Secret, type Container, type Job } from '../../api/kubernetes.ts'
import type { Masking } from './ending.ts'
import { secretVersionsOf } from './job.ts'
import { tracesOf } from './masking.ts'
import { unlessForbidden, type Sources } from './sources.ts'

interface EnvFrom {
  readonly secretRef?: { readonly name?: string }
}

type WithEnvFrom = Container & { readonly envFrom?: readonly EnvFrom[] }

/** The names of the Secrets that containers get their environment from. */
export const secretsOf = (containers: readonly WithEnvFrom[]): readonly string[] => {
  const names = containers.flatMap(({ env = [], envFrom = [] }) => [
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ...envFrom.map(({ secretRef }) => secretRef?.name),
  ])
  return [...new Set(names.filter((name) => name !== undefined))]
}

/** A Secret, unless it is not there or we may not read it. */
export const readSecret = (
  client: Sources['client'],
  at: { readonly namespace: string; readonly name: string },
): Promise<Secret | undefined> => unlessForbidden(() => client.get(Secret, at), undefined)

/** Values longer than this together would keep the process busy; their output is not shown. */
const maxSecretLength = 64 * 1024

/** How what must not be seen of the Secrets that the containers were given is kept out of the output. */
export const maskingFor = async (client: Sources['client'], job: Job): Promise<Masking> => {
  const { namespace = '' } = job.metadata
  const before = secretVersionsOf(job)
  const values: string[] = []
  for (const name of secretsOf(job.spec.template.spec.containers)) {
    const secret = await readSecret(client, { namespace, name })
    const version = before[name]
    // Without both looks nobody can say what the task was given.
    if (secret === undefined || version === undefined) {
      return withheld(`what Secret "${name}" held while the task ran cannot be told`)
    }
    if (secret.metadata.resourceVersion !== version) {
      return withheld(`Secret "${name}" changed while the task ran`)
    }
    for (const value of Object.values(secret.data ?? {})) {
      values.push(Buffer.from(value, 'base64').toString('utf8'))
    }
  }
  const length = values.reduce((sum, value) => sum + value.length, 0)
  return length > maxSecretLength
    ? withheld('its Secrets are too large to be recognised in it')
    : { kind: 'traces', traces: tracesOf(values) }
}

const withheld = (because: string): Masking => ({ kind: 'withheld', because })
