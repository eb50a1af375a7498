/** What holds for whatever the webhook is asked, through its server and all that it reads of a cluster. */
import { expect } from '@jest/globals'
import { pino } from 'pino'
import type { KubeObject } from '../../../api/object.ts'
import type { Client } from '../../../kube/client.ts'
import { ApiError } from '../../../kube/errors.ts'
import { buildWebhook } from '../../../webhook/app.ts'
import { watchCluster } from '../../../webhook/cluster.ts'
import { eventually } from '../../eventually.ts'
import { expectedFor, releasedLists, unreadableLists, type Asked } from './questions.ts'
import { patched, responseIn, type Response } from './reviews.ts'

const gate = 'keptn-prechecks-gate'
/** The annotations that admission may add to a pod, or complete. */
const ours = [
  ...['keptn.sh/workload', 'keptn.sh/version', 'keptn.sh/app', 'gatekept.dev/app-type'],
  ...['keptn.sh/pre-deployment-tasks', 'keptn.sh/post-deployment-tasks', 'keptn.sh/metadata'],
  ...['keptn.sh/pre-deployment-evaluations', 'keptn.sh/post-deployment-evaluations'],
]

/** A webhook before a cluster that holds one owner at a time, and in which every write throws. */
export const startAsking = async () => {
  let owner: Asked['owner'] = 'missing'
  let writes = 0
  const refuse = (): never => {
    writes++
    throw new Error('The webhook wrote to the cluster')
  }
  const client = {
    get: async (type: { readonly kind: string }, { name }: { readonly name: string }) => {
      await Promise.resolve()
      if (owner === 'missing') return undefined
      if (owner === 'refused') throw new ApiError('no', { status: 403, reason: 'Forbidden' })
      const { annotations, labels, image } = owner
      return {
        kind: type.kind,
        metadata: { uid: name.replace('named-', ''), annotations, labels },
        spec: { template: { spec: { containers: [{ name: 'web', image }] } } },
      }
    },
    list: () => Promise.resolve({ items: namespaces(), resourceVersion: '9' }),
    watch: (_type: unknown, _query: unknown, { signal }: { readonly signal: AbortSignal }) =>
      silent(signal),
    ...{ create: refuse, patch: refuse, delete: refuse, raw: refuse },
  } as unknown as Client
  const stopping = new AbortController()
  const log = pino({ level: 'silent' })
  const { signal } = stopping
  const { cluster, isSynced } = watchCluster({ client, log, signal, timeoutMs: 60_000 })
  await eventually(() => expect(isSynced()).toBe(true))
  const app = buildWebhook({ cluster, log, settings: { namespace: 'keptn-system' } })
  const took: number[] = []

  return {
    /** Asks; `undefined`: what was asked is no question (400). Any other answer throws. */
    ask: async (review: unknown, about: Asked): Promise<Response | undefined> => {
      owner = about.owner
      const before = process.threadCpuUsage()
      const answer = await app.inject({
        method: 'POST',
        url: pathFor(about),
        headers: { 'content-type': 'application/json' },
        payload: JSON.stringify(review),
      })
      const { user, system } = process.threadCpuUsage(before)
      took.push((user + system) / 1_000)
      if (answer.statusCode === 400) return undefined
      if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}: ${answer.body}`)
      return responseIn(answer.body)
    },
    writes: () => writes,
    /** How long each answer kept the processor busy, in milliseconds: other work on the machine doesn't count. */
    took,
    close: async () => {
      stopping.abort()
      await app.close()
    },
  }
}
export type Asking = Awaited<ReturnType<typeof startAsking>>

const pathFor = ({ review }: Asked): string =>
  (review.request as { readonly kind?: { readonly kind?: unknown } } | null)?.kind?.kind ===
  'Namespace'
    ? '/mutate-v1-namespace'
    : '/mutate-v1-pod'

const namespaces = (): readonly KubeObject[] => {
  const lists = Object.entries(releasedLists).map(
    ([name, list]) => [name, ['v1', ...list].join(' ')] as const,
  )
  return [...lists, ...Object.entries(unreadableLists)].map(([name, released]) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'keptn.sh/lifecycle-toolkit': 'enabled' },
      ...(released !== undefined && { annotations: { 'gatekept.dev/released': released } }),
    },
  }))
}

async function* silent(signal: AbortSignal): AsyncGenerator<never> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  yield* []
}

/** Throws where an answer about a whole question is not what it has to be. */
export const expectRules = async (asking: Asking, asked: Asked): Promise<void> => {
  const review = throughJson(asked.review)
  const response = await asking.ask(review, asked)
  if (response === undefined) throw new Error('a whole question was not read')
  expect(response.uid).toBe(review.request.uid)
  expectWhatIsOurs(asked, review.request.object as Thing, response)
  await expectSettled(asking, asked, response)
  const dry = { ...review, request: { ...review.request, dryRun: true } }
  expect(await asking.ask(dry, asked)).toEqual(response)
  expect(asking.writes()).toBe(0)
}

/** The same for a question that may be none: then it is not read, and else its answer can be carried out, once and for all. */
export const expectSense = async (asking: Asking, asked: Asked): Promise<void> => {
  const response = await asking.ask(asked.review, asked)
  if (response === undefined) return
  expect(response.uid).toBe(asked.review.request.uid)
  await expectSettled(asking, asked, response)
  expect(asking.writes()).toBe(0)
}

/** Whether the object with the patch is answered without one, also after others have added to it. */
const expectSettled = async (asking: Asking, asked: Asked, response: Response): Promise<void> => {
  const { review } = asked
  const once = patchedIn(review.request.object, response)
  const askAgain = (object: unknown) =>
    asking.ask({ ...review, request: { ...review.request, object } }, asked)
  expect(await askAgain(once)).toEqual({ ...response, patchType: undefined, patch: undefined })
  if (response.patch === undefined) return
  const { metadata } = once as Thing
  const spec = (once as Thing).spec ?? {}
  const foreign = {
    ...(once as Thing),
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, 'injector.example.org/seen': 'true' },
    },
    spec: {
      ...spec,
      containers: [{ name: 'injected', image: 'mesh:1' }],
      schedulingGates: [...(spec.schedulingGates ?? []), { name: 'late.example.org/z' }],
    },
  }
  expect((await askAgain(foreign))?.patch).toBeUndefined()
}

interface Thing {
  readonly kind: string
  readonly metadata: {
    readonly annotations?: Readonly<Record<string, string>> | null
    readonly labels?: Readonly<Record<string, string>> | null
  }
  readonly spec?: {
    readonly schedulingGates?: readonly { readonly name: string }[] | null
    readonly [other: string]: unknown
  } | null
}

const expectWhatIsOurs = (asked: Asked, before: Thing, response: Response): void => {
  const after = patchedIn(before, response) as Thing
  if (before.kind === 'Namespace') {
    expect(withoutOurs(after, [], ['keptn.sh/lifecycle-toolkit'])).toEqual(
      withoutOurs(before, [], ['keptn.sh/lifecycle-toolkit']),
    )
    return
  }
  const expected = expectedFor(asked)
  expect(response.allowed).toBe(expected !== 'refused')
  if (expected !== 'held') {
    expect(response.patch).toBeUndefined()
    return
  }
  const gatesOf = (pod: Thing) => (pod.spec?.schedulingGates ?? []).map(({ name }) => name)
  const had = gatesOf(before)
  expect(gatesOf(after)).toEqual(had.includes(gate) ? had : [...had, gate])
  expect(after.metadata.labels?.['keptn.sh/gated']).toBe('true')
  expect(withoutOurs(after, ours, ['keptn.sh/gated'])).toEqual(
    withoutOurs(before, ours, ['keptn.sh/gated']),
  )
}

/** An object without the members that are ours, as text: so that `__proto__` and the order of lists count, too. */
const withoutOurs = (
  { metadata, spec, ...rest }: Thing,
  annotations: readonly string[],
  labels: readonly string[],
): string => {
  const without = (
    map: Readonly<Record<string, string>> | null | undefined,
    keys: readonly string[],
  ) => Object.entries(map ?? {}).filter(([key]) => !keys.includes(key))
  const { annotations: allAnnotations, labels: allLabels, ...meta } = metadata
  const { schedulingGates, ...others } = spec ?? {}
  const foreign = (schedulingGates ?? []).filter(({ name }) => name !== gate)
  return JSON.stringify([
    rest,
    without(allAnnotations, annotations),
    without(allLabels, labels),
    Object.entries(meta),
    foreign,
    Object.entries(others),
  ])
}

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

const patchedIn = (object: unknown, response: Response): unknown =>
  response.patch === undefined ? object : patched(object as object, response)
