/**
 * The questions of an API server and our answers to them: `AdmissionReview` of `admission.k8s.io/v1`.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response
 *
 * Checked by hand: a schema compiler would cost more than all that is read of a review.
 *
 * @module
 */
import type { OwnerReference } from '../api/object.ts'
import type { Metadata } from '../identity/keys.ts'
import type { Operation } from './patch.ts'

/** What is read of a question. */
export interface Question {
  readonly uid: string
  readonly operation: string
  readonly subResource: string
  readonly kind: string
  /** Of the request: a pod that is about to be created may not say its own. Empty for what has no namespace. */
  readonly namespace: string
  readonly object: AdmittedObject
}

/** What is asked about, as far as it was looked at. */
export interface AdmittedObject {
  readonly metadata: Metadata & {
    readonly name?: string
    readonly ownerReferences?: readonly OwnerReference[]
  }
  readonly spec: {
    readonly nodeName?: unknown
    readonly schedulerName?: unknown
    readonly schedulingGates?: readonly { readonly name: string }[]
  }
}

/** What we say. A refusal is a sentence for whoever made the object. */
export type Answer =
  | { readonly allowed: true; readonly patch: readonly Operation[] }
  | { readonly allowed: false; readonly message: string }

/** As it is. */
export const untouched: Answer = Object.freeze({ allowed: true, patch: [] })

/** A question that can't be answered, because it isn't one. */
export class ReviewError extends Error {
  override readonly name = 'ReviewError'
  readonly statusCode = 400
}

/** Reads a question. Throws a `ReviewError` for what isn't one; says nothing of the rest of the object. */
export const parseReview = (body: unknown): Question => {
  if (!isMap(body) || body['kind'] !== 'AdmissionReview') throw unreadable('no AdmissionReview')
  if (body['apiVersion'] !== 'admission.k8s.io/v1') throw unreadable('not of version v1')
  const request = body['request']
  if (!isMap(request)) throw unreadable('it has no request')
  const uid = textOf(request['uid'])
  if (uid === '') throw unreadable('its request has no UID')
  const kind = isMap(request['kind']) ? textOf(request['kind']['kind']) : ''
  return {
    uid,
    operation: textOf(request['operation']),
    subResource: textOf(request['subResource']),
    kind,
    namespace: textOf(request['namespace']),
    object: parseObject(request['object'], kind),
  }
}

/** An answer as the API server wants it. */
export const formatAnswer = (uid: string, answer: Answer): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, ...responseOf(answer) },
  })

const responseOf = (answer: Answer): object => {
  if (!answer.allowed) {
    return { allowed: false, status: { code: 403, reason: 'Forbidden', message: answer.message } }
  }
  if (answer.patch.length === 0) return { allowed: true }
  const patch = Buffer.from(JSON.stringify(answer.patch)).toString('base64')
  return { allowed: true, patchType: 'JSONPatch', patch }
}

const parseObject = (value: unknown, kind: string): AdmittedObject => {
  // An UPDATE or DELETE of what we are not asked about may come without an object.
  if (value === undefined || value === null) return { metadata: {}, spec: {} }
  if (!isMap(value)) throw unreadable('its object is none')
  const metadata = value['metadata']
  const spec = specOf(value, kind)
  if (!isMap(metadata) || !isMap(spec)) throw unreadable('its object has no metadata or no spec')
  for (const member of [metadata['labels'], metadata['annotations']]) {
    if (!isMap(member ?? {})) throw unreadable('labels or annotations of its object are no map')
  }
  requireList(metadata['ownerReferences'], ['apiVersion', 'kind', 'name', 'uid'])
  requireList(spec['schedulingGates'], ['name'])
  return { metadata: withoutNull(metadata), spec: withoutNull(spec) }
}

// A namespace may have none; to that of a pod our gate is added.
const specOf = (object: Readonly<Record<string, unknown>>, kind: string): unknown =>
  kind === 'Pod' ? object['spec'] : (object['spec'] ?? {})

const requireList = (value: unknown, texts: readonly string[]): void => {
  if (value === undefined || value === null) return
  const isRight = (item: unknown): boolean =>
    isMap(item) && texts.every((name) => typeof item[name] === 'string')
  if (!Array.isArray(value) || !value.every(isRight)) throw unreadable('a list in it is malformed')
}

// `null` means absent in Kubernetes' JSON.
const nullable = ['labels', 'annotations', 'ownerReferences', 'schedulingGates'] as const
const withoutNull = (map: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  nullable.some((name) => map[name] === null)
    ? Object.fromEntries(Object.entries(map).filter(([, value]) => value !== null))
    : map

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const unreadable = (why: string): ReviewError =>
  new ReviewError(`Cannot read the admission review: ${why}`)
