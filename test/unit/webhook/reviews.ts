/** Questions as an API server asks them, and what it does with the answers. */
import jsonpatch from 'jsonpatch'
import { pino } from 'pino'
import { buildWebhook, type Cluster, type WebhookSettings } from '../../../webhook/app.ts'

/** An owner that makes pods to hold. */
export const replicaSet = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: 'web-5d4',
  uid: 'rs-uid',
  controller: true,
}

/** A pod as it comes to admission. */
export const podOf = (
  metadata: Readonly<Record<string, unknown>> = {},
  spec: Readonly<Record<string, unknown>> = {},
) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    generateName: 'web-5d4-',
    annotations: { 'keptn.sh/workload': 'web', 'keptn.sh/version': '1' },
    labels: { app: 'web' },
    ownerReferences: [replicaSet],
    ...metadata,
  },
  spec: { containers: [{ name: 'web', image: 'web:1' }], ...spec },
})

/** A question about an object. */
export const reviewOf = (object: unknown, request: Readonly<Record<string, unknown>> = {}) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'review-uid',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    operation: 'CREATE',
    namespace: 'shop',
    userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
    object,
    dryRun: false,
    ...request,
  },
})

/** A cluster of which nothing is known. */
export const unknownCluster: Cluster = {
  released: () => undefined,
  recent: () => new Set(),
  settled: () => Promise.resolve(),
  readReleased: () => Promise.resolve(undefined),
  ownerOf: () => Promise.resolve(undefined),
}

/** The webhook before a cluster. */
export const webhook = (cluster: Partial<Cluster> = {}, settings: Partial<WebhookSettings> = {}) =>
  buildWebhook({
    cluster: { ...unknownCluster, ...cluster },
    log: pino({ level: 'silent' }),
    settings: { namespace: 'keptn-system', ...settings },
  })

/** The response in an answer, its patch decoded. */
export interface Response {
  readonly uid: string
  readonly allowed: boolean
  readonly patchType?: string
  readonly patch?: readonly object[]
  readonly status?: { readonly code: number; readonly message: string }
}

/** Reads an answer. */
export const responseIn = (body: string): Response => {
  const { response } = JSON.parse(body) as {
    response: Omit<Response, 'patch'> & { readonly patch?: string }
  }
  const { patch, ...rest } = response
  if (patch === undefined) return rest
  return { ...rest, patch: JSON.parse(Buffer.from(patch, 'base64').toString()) as object[] }
}

/** Asks a webhook. */
export const ask = async (
  app: ReturnType<typeof webhook>,
  review: unknown,
  url = '/mutate-v1-pod',
): Promise<Response> => {
  const answer = await app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(review),
  })
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}: ${answer.body}`)
  return responseIn(answer.body)
}

// Its types know the class as an interface alone.
const { JSONPatch } = jsonpatch as unknown as {
  readonly JSONPatch: new (patch: string, mutate: boolean) => { apply<T>(document: T): T }
}

/** What the API server stores: the object with the answer's patch applied. */
export const patched = <T extends object>(object: T, response: Response): T =>
  // Changed in place: the library's own copies lose a member called `__proto__`.
  new JSONPatch(JSON.stringify(response.patch ?? []), true).apply(structuredClone(object))
