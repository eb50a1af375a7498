/**
 * Which of Kubernetes' own kinds the API server serves: some clusters are older than a kind, or were told to do without.
 *
 * @module
 */
import type { KubeObject, ResourceType } from '../api/object.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'
import { ApiError } from './errors.ts'

/**
 * Asks whether a kind is served, until the API server answers. Rejects when the signal is aborted. The answer holds until the
 * API server is another one.
 */
export const isServed = async (
  client: Pick<Client, 'raw'>,
  { group, version, plural }: ResourceType<KubeObject>,
  signal: AbortSignal,
  backOff = { minMs: 200, maxMs: 5_000 },
): Promise<boolean> => {
  for (let failures = 0; ; failures += 1) {
    try {
      const path = `/apis/${group}/${version}`
      const answer = await client.raw({ method: 'GET', path }, { signal })
      const { resources = [] } = answer as { readonly resources?: readonly { name: string }[] }
      return resources.some(({ name }) => name === plural)
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return false
      // What it can't answer now it may answer soon.
      const goesOn = await pause(backOffMs(failures, backOff), signal)
      if (!goesOn) throw error
    }
  }
}
