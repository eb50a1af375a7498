/**
 * Which Kubernetes the API server is.
 *
 * @module
 */
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'

/** A version of Kubernetes, as far as it tells what there is. */
export interface ServerVersion {
  readonly major: number
  readonly minor: number
}

/** Reads what an API server says of itself; some put a sign behind the number. Throws when it says nothing of the kind. */
export const parseVersion = (answer: unknown): ServerVersion => {
  const { major, minor } = (answer ?? {}) as Readonly<Record<string, unknown>>
  const version = { major: numberIn(major), minor: numberIn(minor) }
  if (Object.values(version).some(Number.isNaN)) {
    throw new Error(`Cannot read the version of the API server: ${JSON.stringify(answer)}`)
  }
  return version
}

const numberIn = (text: unknown): number =>
  Number.parseInt(typeof text === 'string' ? text : '', 10)

/** Whether a version is older than another. */
export const isOlder = (version: ServerVersion, than: ServerVersion): boolean =>
  version.major < than.major || (version.major === than.major && version.minor < than.minor)

/** Asks the API server for its version, until it answers. Rejects when the signal is aborted. */
export const readVersion = async (
  client: Pick<Client, 'raw'>,
  signal: AbortSignal,
  backOff = { minMs: 200, maxMs: 5_000 },
): Promise<ServerVersion> => {
  for (let failures = 0; ; failures += 1) {
    try {
      return parseVersion(await client.raw({ method: 'GET', path: '/version' }, { signal }))
    } catch (error) {
      // What it can't answer now it may answer soon: a process that starts with its cluster waits for it.
      const goesOn = await pause(backOffMs(failures, backOff), signal)
      if (!goesOn) throw error
    }
  }
}
