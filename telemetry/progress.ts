/**
 * Up to where something was told, such as spans or notifications, kept in a ConfigMap of ours, so that who leads next goes on
 * from there.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
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

/** What was told according to either of two. */
export const mergedProgress = (one: Progress, other: Progress): Progress => {
  const since = Math.max(one.since, other.since)
  const told = [...one.told, ...other.told].filter(([, end]) => end >= since)
  return bounded({ since, told: new Map(told) }, mostRemembered)
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

/** Keeps what is about to be told, so that no two tell the same, even if both believe that they lead. */
export interface ClaimRecord {
  /** What was claimed; `undefined`: there is nothing, or nothing that can be read. */
  readonly load: () => Promise<Progress | undefined>
  /** `moved`: somebody else has changed it since it was loaded, and nothing was written. It has to be loaded first. */
  readonly claim: (progress: Progress) => Promise<'claimed' | 'moved'>
}

type Data = Readonly<Record<string, string | null>>

/** A ConfigMap of which each write names the version that it is based on. */
const versioned = (
  client: Pick<Client, 'get' | 'create' | 'patch'>,
  { namespace, name }: { readonly namespace: string; readonly name: string },
) => {
  let version: string | undefined
  return {
    load: async (): Promise<ConfigMap['data']> => {
      const found = await client.get(ConfigMap, { namespace, name })
      version = found?.metadata.resourceVersion
      return found?.data
    },
    isThere: () => version !== undefined,
    create: async (data: Readonly<Record<string, string>>): Promise<void> => {
      const metadata = { namespace, name }
      const made = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data } as const
      version = (await client.create(ConfigMap, made)).metadata.resourceVersion
    },
    change: async (data: Data): Promise<void> => {
      const patched = await client.patch(ConfigMap, {
        ...{ namespace, name, patchType: 'merge' },
        patch: { metadata: { resourceVersion: version }, data },
      })
      version = patched.metadata.resourceVersion
    },
  }
}

const hasMoved = (error: unknown): boolean =>
  isNotFound(error) || isConflict(error) || isAlreadyExists(error)

/** Keeps it in a ConfigMap. Who finds another version reads it and writes once more: only who leads may call this. */
export const configMapRecord = (
  client: Pick<Client, 'get' | 'create' | 'patch'>,
  at: { readonly namespace: string; readonly name: string },
): ProgressRecord => {
  const stored = versioned(client, at)
  const write = async (text: string | undefined): Promise<void> => {
    if (stored.isThere()) await stored.change({ [dataKey]: text ?? null })
    else if (text !== undefined) await stored.create({ [dataKey]: text })
  }
  return {
    load: async () => readProgress((await stored.load())?.[dataKey] ?? ''),
    async save(progress) {
      const text = progress === undefined ? undefined : writeProgress(progress)
      try {
        await write(text)
      } catch (error) {
        if (!hasMoved(error)) throw error
        // A person has changed or deleted it, or an answer of ours was lost.
        await stored.load()
        await write(text)
      }
    },
  }
}

const writerKey = 'writer'

/**
 * Keeps claims in a ConfigMap. Who leads no more may not know it yet: a write that finds another version is carried out only
 * where that is its own, whose answer was lost.
 */
export const configMapClaims = (
  client: Pick<Client, 'get' | 'create' | 'patch'>,
  at: { readonly namespace: string; readonly name: string },
): ClaimRecord => {
  const stored = versioned(client, at)
  const writer = randomUUID()
  const write = async (data: Readonly<Record<string, string>>): Promise<void> =>
    stored.isThere() ? stored.change(data) : stored.create(data)
  return {
    load: async () => readProgress((await stored.load())?.[dataKey] ?? ''),
    async claim(progress) {
      const data = { [dataKey]: writeProgress(progress), [writerKey]: writer }
      try {
        await write(data)
      } catch (error) {
        if (!hasMoved(error)) throw error
        if ((await stored.load())?.[writerKey] !== writer) return 'moved'
        await write(data)
      }
      return 'claimed'
    },
  }
}
