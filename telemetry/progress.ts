/**
 * Up to where something was told, such as spans or notifications, kept in a ConfigMap of ours, so that who leads next goes on
 * from there.
 *
 * @module
 */
import { ConfigMap } from '../api/kubernetes.ts'
import type { Client } from '../kube/client.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts'

/**
 * What was told: all that ended, or came about, before `since`, and of what did then or later that which is in `told`. All times are
 * seconds since 1970, as exact as statuses are.
 */
export interface Progress {
  readonly since: number
  /** When it ended, by the key of a span. */
  readonly told: ReadonlyMap<string, number>
}

/** The key of a span that ended at a time: a phase that goes on after a skip ends twice. */
export const progressKey = (spanId: string, endSeconds: number): string =>
  `${spanId}@${String(endSeconds)}`

/** At most so many keys are remembered. */
const mostRemembered = 20_000
/** At most so many are stored: 27 bytes each, of the mebibyte that a ConfigMap may have. */
export const mostStored = 4_000
/** An end may be stored a while after it came about. */
const lateSeconds = 60

/**
 * The progress with so many keys at most. Where there are more, all that ended as early as the surplus is taken for delivered: who
 * goes on from there may miss what waits, but doubles nothing.
 */
const bounded = ({ since, told }: Progress, most: number): Progress => {
  const surplus = told.size - most
  if (surplus <= 0) return { since, told }
  const ends = [...told.values()].toSorted((one, other) => one - other)
  const next = Math.max(since, (ends[surplus - 1] ?? since) + 1)
  return { since: next, told: new Map([...told].filter(([, end]) => end >= next)) }
}

/** The progress once these were delivered, too. `waitingSince`: the earliest end of what still waits. */
export const withTold = (
  { since, told }: Progress,
  delivered: ReadonlyMap<string, number>,
  { now, waitingSince }: { readonly now: number; readonly waitingSince: number },
): Progress => {
  const next = Math.max(since, Math.min(now - lateSeconds, waitingSince))
  const all = [...told, ...delivered].filter(([, end]) => end >= next)
  return bounded({ since: next, told: new Map(all) }, mostRemembered)
}

/** Keeps the progress beyond the life of this process. */
export interface ProgressRecord {
  /** `undefined`: there is none, or none that can be read. */
  readonly load: () => Promise<Progress | undefined>
  /** `undefined`: nothing is told any more. */
  readonly save: (progress: Progress | undefined) => Promise<void>
}

const dataKey = 'progress'

interface Stored {
  readonly since: number
  /** Ids by the second in which they ended. */
  readonly told: Readonly<Record<string, readonly string[]>>
}

/** Writes progress as text. */
export const writeProgress = (progress: Progress): string => {
  const { since, told } = bounded(progress, mostStored)
  const bySecond: Record<string, string[]> = {}
  for (const [key, end] of told) (bySecond[String(end)] ??= []).push(key.split('@')[0] ?? '')
  return JSON.stringify({ since, told: bySecond } satisfies Stored)
}

/** Reads progress; `undefined`: somebody else has written this. */
export const readProgress = (text: string): Progress | undefined => {
  try {
    const { since, told } = JSON.parse(text) as Partial<Stored>
    if (typeof since !== 'number' || !Number.isFinite(since)) return undefined
    const keys = Object.entries(told ?? {}).flatMap(([end, ids]) =>
      ids.map((id) => [progressKey(id, Number(end)), Number(end)] as const),
    )
    return { since, told: new Map(keys) }
  } catch {
    return undefined
  }
}

/**
 * Keeps it in a ConfigMap. Each write names the version that it is based on. Who finds another one reads it and writes once more:
 * only who leads may call this.
 */
export const configMapRecord = (
  client: Pick<Client, 'get' | 'create' | 'patch'>,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): ProgressRecord => {
  let version: string | undefined
  const load = async (): Promise<Progress | undefined> => {
    const found = await client.get(ConfigMap, { namespace, name })
    version = found?.metadata.resourceVersion
    return readProgress(found?.data?.[dataKey] ?? '')
  }
  const create = async (data: Readonly<Record<string, string>>): Promise<void> => {
    const made = await client.create(ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name },
      data,
    })
    version = made.metadata.resourceVersion
  }
  const write = async (text: string | undefined): Promise<void> => {
    if (version === undefined) {
      if (text !== undefined) await create({ [dataKey]: text })
      return
    }
    const patched = await client.patch(ConfigMap, {
      ...{ namespace, name, patchType: 'merge' },
      patch: { metadata: { resourceVersion: version }, data: { [dataKey]: text ?? null } },
    })
    version = patched.metadata.resourceVersion
  }
  return {
    load,
    async save(progress) {
      const text = progress === undefined ? undefined : writeProgress(progress)
      try {
        await write(text)
      } catch (error) {
        const hasMoved = isNotFound(error) || isConflict(error) || isAlreadyExists(error)
        if (!hasMoved) throw error
        // A person has changed or deleted it, or an answer of ours was lost.
        await load()
        await write(text)
      }
    },
  }
}
