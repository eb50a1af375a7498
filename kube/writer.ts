/**
 * How decisions are written to the API server, and how the stores keep up with that.
 *
 * The answer to each write goes into the stores of its type before the pass goes on, so a later pass sees what was written
 * though the watch hasn't told yet.
 *
 * @module
 */
import { controllerOf, type KubeObject, type ResourceType } from '../api/object.ts'
import { NotSentError, type At, type Client, type RequestOptions } from './client.ts'
import type { Action, Create, Delete, Patch } from './decision.ts'
import { ApiError, isAlreadyExists, isConflict, isNotFound } from './errors.ts'
import { joinKey } from './keys.ts'
import { mergePatch } from './merge-patch.ts'
import type { Reflector } from './reflector.ts'
import type { Store } from './store.ts'

/** An object was not what a write expected: another version, or another object. */
export class MovedError extends Error {
  override readonly name = 'MovedError'
  readonly type: ResourceType<KubeObject>
  readonly at: At

  constructor(type: ResourceType<KubeObject>, at: At, cause: unknown) {
    super(`${type.kind} "${joinKey(at.namespace, at.name)}" had changed`, { cause })
    this.type = type
    this.at = at
  }
}

/** The client, with the leave to write, and with the stores that learn what it answers. */
export interface Writer {
  readonly client: Client
  readonly options: RequestOptions
  /** Throws when no write may start any more. */
  check(): void
  learn(type: ResourceType<KubeObject>, object: KubeObject): void
  learnGone(type: ResourceType<KubeObject>, object: KubeObject): void
  /** Reads the live object into its stores, or that there is none. */
  refresh(type: ResourceType<KubeObject>, at: At): Promise<KubeObject | undefined>
}

/** What a writer is made of. */
interface Writing {
  readonly client: Client
  readonly stores: readonly Reflector<KubeObject>[]
  /** No new write starts once it is aborted. */
  readonly signal: AbortSignal
  /** Asked right before each write. */
  readonly mayWrite?: () => boolean
}

/** Makes a writer. `windDown` gives up the requests that are on their way. */
export const createWriter = (runtime: Writing, windDown: AbortSignal): Writer => {
  const { client, signal, stores } = runtime
  const maySend = (): boolean => !signal.aborted && runtime.mayWrite?.() !== false
  const storesOf = (type: ResourceType<KubeObject>): readonly Store<KubeObject>[] =>
    stores
      .filter(
        (reflector) => reflector.type.group === type.group && reflector.type.kind === type.kind,
      )
      .map(({ store }) => store)
  const learn = (type: ResourceType<KubeObject>, object: KubeObject): void => {
    for (const store of storesOf(type)) store.learn(object)
  }
  return {
    client,
    options: { signal: windDown, maySend },
    check() {
      if (!maySend()) throw new NotSentError('Did not write: not leading any more')
    },
    learn,
    learnGone: (type, object) => {
      for (const store of storesOf(type)) store.learnGone(object)
    },
    async refresh(type, at) {
      const before = storesOf(type).map(
        (store) => [store, store.get(at.namespace, at.name)] as const,
      )
      const live = await client.get(type, at, { signal: windDown })
      if (live !== undefined) learn(type, live)
      // Of what was there before: by now another may have been made.
      else for (const [store, held] of before) if (held !== undefined) store.learnGone(held)
      return live
    },
  }
}

/** An action that could not be carried out. */
export interface Failure {
  readonly action: Action
  readonly error: unknown
}

/** Applies all actions at once; returns the failure that matters most, if any. */
export const applyAll = async (
  writer: Writer,
  actions: readonly Action[],
): Promise<Failure | undefined> => {
  const failures: Failure[] = []
  const applyOne = async (action: Action): Promise<void> => {
    try {
      await apply(writer, action)
    } catch (error) {
      failures.push({ action, error })
    }
  }
  await Promise.all(actions.map(applyOne))
  // A conflict is settled by deciding again, but a failure beside it must not pass unnoticed.
  return failures.find(({ error }) => !(error instanceof MovedError)) ?? failures[0]
}

const apply = async (writer: Writer, action: Action): Promise<void> => {
  writer.check()
  switch (action.kind) {
    case 'create':
      return applyCreate(writer, action)
    case 'patch':
      return applyPatch(writer, action)
    case 'delete':
      return applyDelete(writer, action)
  }
}

const applyCreate = async (writer: Writer, { type, object }: Create): Promise<void> => {
  try {
    writer.learn(type, await writer.client.create(type, object, writer.options))
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    await adopt(writer, { kind: 'create', type, object }, error)
  }
}

/**
 * The name is taken: fine when the object that has it is the one that was wanted, left by an earlier pass. Where nobody
 * controls it, it may as well have been made for something else: the live one is decided on.
 */
const adopt = async (writer: Writer, { type, object }: Create, cause: unknown): Promise<void> => {
  const { namespace, name } = object.metadata
  const live = await writer.refresh(type, atOf(namespace, name))
  const obstacle = obstacleTo(object, live)
  if (obstacle === undefined) {
    if (controllerOf(object) === undefined) throw new MovedError(type, atOf(namespace, name), cause)
    return
  }
  const message = `Cannot create ${type.kind} "${joinKey(namespace, name)}": ${obstacle.message}`
  throw obstacle.isPassing
    ? new Error(message, { cause })
    : new ApiError(message, { status: 409, reason: 'AlreadyExists', cause })
}

/** `isPassing`: waiting is enough. */
interface Obstacle {
  readonly message: string
  readonly isPassing: boolean
}

/** Why the object that has the name can't be taken for the one that was wanted. */
const obstacleTo = (
  wanted: Create['object'],
  live: KubeObject | undefined,
): Obstacle | undefined => {
  if (live === undefined) {
    return passing('the one that had its name is gone, so it will be tried again')
  }
  if (live.metadata.deletionTimestamp !== undefined) {
    return passing('one with its name is being deleted')
  }
  const owner = controllerOf(wanted)
  if (owner === undefined) return undefined
  const other = controllerOf(live)
  if (other === undefined) return lasting('one with its name exists and has no controlling owner')
  if (other.uid === owner.uid) return undefined
  if (other.kind === owner.kind && other.name === owner.name) {
    return passing(
      `one with its name belongs to an earlier ${other.kind} "${other.name}" (UID ${other.uid}) and waits for garbage collection`,
    )
  }
  return lasting(`one with its name belongs to ${other.kind} "${other.name}" (UID ${other.uid})`)
}

const passing = (message: string): Obstacle => ({ message, isPassing: true })
const lasting = (message: string): Obstacle => ({ message, isPassing: false })

/** Where an object is: one of a cluster has no namespace. */
export const atOf = (namespace: string | undefined, name: string): At =>
  namespace === undefined ? { name } : { namespace, name }

const applyPatch = async (writer: Writer, action: Patch): Promise<void> => {
  const { type, namespace, name } = action
  try {
    writer.learn(type, await writer.client.patch(type, action, writer.options))
  } catch (error) {
    if (isNotFound(error)) return
    throw isConflict(error) ? new MovedError(type, atOf(namespace, name), error) : error
  }
}

const applyDelete = async (writer: Writer, action: Delete): Promise<void> => {
  const { type, namespace, name, uid } = action
  try {
    await writer.client.delete(type, { ...atOf(namespace, name), uid }, writer.options)
  } catch (error) {
    if (isNotFound(error)) return
    throw isConflict(error) ? new MovedError(type, atOf(namespace, name), error) : error
  }
}

/** The object whose status is stored, as it was decided on. */
export interface Subject {
  readonly type: ResourceType<KubeObject>
  readonly object: KubeObject & { readonly status?: unknown }
}

/** Makes the object's status equal to the one decided on; `false` when the object is gone. */
export const storeStatus = async (
  writer: Writer,
  { type, object }: Subject,
  status: unknown,
): Promise<boolean> => {
  const difference = mergePatch(object.status, status)
  if (difference === undefined) return true
  const { namespace, name, resourceVersion } = object.metadata
  writer.check()
  try {
    const patch = { metadata: { resourceVersion }, status: difference }
    const answer = await writer.client.patch(
      type,
      { ...atOf(namespace, name), patchType: 'merge', subresource: 'status', patch },
      writer.options,
    )
    writer.learn(type, answer)
    return true
  } catch (error) {
    if (isNotFound(error)) {
      writer.learnGone(type, object)
      return false
    }
    throw isConflict(error) ? new MovedError(type, atOf(namespace, name), error) : error
  }
}
