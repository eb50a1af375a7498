/**
 * What stands in Secrets of our namespace, for whoever sends it along.
 *
 * @module
 */
import { Secret } from '../api/kubernetes.ts'
import type { Process } from './part.ts'

/** Names a value in a Secret. */
export interface SecretReference {
  readonly name: string
  readonly key: string
}

/** Reads Secrets when they are needed, and keeps what is in them for a minute. */
export interface SecretReader {
  /** All values by their keys. Rejects with a sentence where there is no such Secret. */
  readonly all: (name: string) => Promise<Readonly<Record<string, string>>>
  /** One value. Rejects with a sentence where there is none. */
  readonly one: (reference: SecretReference) => Promise<string>
}

/** What was changed counts after so long at the latest. */
const keptMs = 60_000
/** Nobody names so many at the same time. */
const mostKept = 100

/** Makes a reader that knows nothing yet. */
export const secretReader = ({
  client,
  settings: { namespace },
}: Pick<Process, 'client' | 'settings'>): SecretReader => {
  const kept = new Map<
    string,
    { readonly at: number; readonly values: Readonly<Record<string, string>> }
  >()
  const at = (name: string): string => `Secret "${name}" in namespace "${namespace}"`
  const all: SecretReader['all'] = async (name) => {
    const known = kept.get(name)
    if (known !== undefined && Date.now() - known.at < keptMs) return known.values
    const secret = await client.get(Secret, { namespace, name })
    if (secret === undefined) throw new Error(`${at(name)} is not there, which KeptnConfig names`)
    const values = Object.fromEntries(
      Object.entries(secret.data ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString('utf8').trim(),
      ]),
    )
    if (kept.size >= mostKept) kept.clear()
    kept.set(name, { at: Date.now(), values })
    return values
  }
  return {
    all,
    one: async ({ name, key }) => {
      const value = (await all(name))[key]
      if (value === undefined) {
        throw new Error(`${at(name)} has no key "${key}", which KeptnConfig names`)
      }
      return value
    },
  }
}
