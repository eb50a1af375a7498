/**
 * Values in Secrets of our namespace, for whoever sends them along.
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

/** A value that was changed counts after so long at the latest. */
const keptMs = 60_000
/** Nobody has so many at the same time. */
const mostKept = 100

/** Reads values when they are needed, and keeps each for a minute. It rejects with a sentence where there is none. */
export const secretReader = ({
  client,
  settings: { namespace },
}: Pick<Process, 'client' | 'settings'>): ((reference: SecretReference) => Promise<string>) => {
  const kept = new Map<string, { readonly at: number; readonly value: string }>()
  return async ({ name, key }) => {
    const from = JSON.stringify([name, key])
    const known = kept.get(from)
    if (known !== undefined && Date.now() - known.at < keptMs) return known.value
    const encoded = (await client.get(Secret, { namespace, name }))?.data?.[key]
    if (encoded === undefined) {
      throw new Error(
        `Secret "${name}" in namespace "${namespace}" has no key "${key}", which KeptnConfig names`,
      )
    }
    const value = Buffer.from(encoded, 'base64').toString('utf8').trim()
    if (kept.size >= mostKept) kept.clear()
    kept.set(from, { at: Date.now(), value })
    return value
  }
}
