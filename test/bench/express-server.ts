/**
 * The webhook as one would write it with Express, and as most webhooks in JavaScript are written: `express.json()`, a
 * handler, `response.json()`. It asks of a pod what ours asks, and answers the same.
 *
 * Started with an IPC channel, on which it waits for its `Orders` and says when it listens.
 *
 * @module
 */
import { createServer } from 'node:https'
import express from 'express'

/** What the process is told. */
export interface Orders {
  readonly port: number
  readonly cert: string
  readonly key: string
}

type Texts = Readonly<Record<string, string>>

interface Pod {
  readonly metadata: {
    readonly labels?: Texts
    readonly annotations?: Texts
    readonly ownerReferences?: readonly {
      readonly apiVersion: string
      readonly kind: string
      readonly uid: string
      readonly controller?: boolean
    }[]
  }
  readonly spec: {
    readonly nodeName?: string
    readonly schedulingGates?: readonly { readonly name: string }[]
  }
}

interface Review {
  readonly kind: string
  readonly request: {
    readonly uid: string
    readonly operation: string
    readonly namespace: string
    readonly kind: { readonly kind: string }
    readonly object: Pod
  }
}

const gate = 'keptn-prechecks-gate'
const ownNamespaces = ['kube-system', 'kube-public', 'kube-node-lease', 'keptn-system']
const ownerKinds = ['ReplicaSet', 'StatefulSet', 'DaemonSet']
/** The released revisions of each namespace. */
const released = new Map<string, Set<string>>()

const text = ({ metadata }: Pod, ...names: readonly string[]): string | undefined => {
  const values = names.flatMap((name) => [metadata.annotations?.[name], metadata.labels?.[name]])
  return values.find((value) => value !== undefined && value !== '')
}

const patchOf = (pod: Pod): object[] => {
  const { annotations, labels } = pod.metadata
  const workload = text(pod, 'keptn.sh/workload', 'app.kubernetes.io/name') ?? ''
  const identity: Record<string, string | undefined> = {
    'keptn.sh/workload': workload,
    'keptn.sh/version': text(pod, 'keptn.sh/version', 'app.kubernetes.io/version'),
    'keptn.sh/app': text(pod, 'keptn.sh/app', 'app.kubernetes.io/part-of') ?? workload,
  }
  const patch: object[] = []
  if (annotations === undefined) {
    patch.push({ op: 'add', path: '/metadata/annotations', value: identity })
  } else {
    for (const [name, value] of Object.entries(identity)) {
      if (annotations[name] === value) continue
      const path = `/metadata/annotations/${name.replaceAll('/', '~1')}`
      patch.push({ op: 'add', path, value })
    }
  }
  if (labels === undefined) {
    patch.push({ op: 'add', path: '/metadata/labels', value: { 'keptn.sh/gated': 'true' } })
  } else {
    patch.push({ op: 'add', path: '/metadata/labels/keptn.sh~1gated', value: 'true' })
  }
  const gates = pod.spec.schedulingGates
  if (gates === undefined) {
    patch.push({ op: 'add', path: '/spec/schedulingGates', value: [{ name: gate }] })
  } else if (!gates.some(({ name }) => name === gate)) {
    patch.push({ op: 'add', path: '/spec/schedulingGates/-', value: { name: gate } })
  }
  return patch
}

const answerTo = ({ request }: Review): object => {
  const { uid, namespace, object: pod } = request
  const owner = pod.metadata.ownerReferences?.find(
    ({ apiVersion, kind, controller }) =>
      controller === true && apiVersion.startsWith('apps/') && ownerKinds.includes(kind),
  )
  const isHeld =
    request.operation === 'CREATE' &&
    request.kind.kind === 'Pod' &&
    !ownNamespaces.includes(namespace) &&
    owner !== undefined &&
    released.get(namespace)?.has(owner.uid) !== true &&
    text(pod, 'keptn.sh/workload', 'app.kubernetes.io/name') !== undefined
  if (!isHeld) return { uid, allowed: true }
  if (pod.spec.nodeName) {
    const message = 'a pod that sets spec.nodeName itself cannot be held'
    return { uid, allowed: false, status: { code: 403, message } }
  }
  const patch = Buffer.from(JSON.stringify(patchOf(pod))).toString('base64')
  return { uid, allowed: true, patchType: 'JSONPatch', patch }
}

const run = ({ port, cert, key }: Orders): void => {
  const app = express()
  app.use(express.json({ limit: '8mb' }))
  app.post('/mutate-v1-pod', (request, response) => {
    const review = request.body as Review
    if (review.kind !== 'AdmissionReview') {
      response.status(400).json({ message: 'Not an AdmissionReview' })
      return
    }
    response.json({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: answerTo(review),
    })
  })
  const server = createServer({ cert, key, minVersion: 'TLSv1.3' }, app)
  server.keepAliveTimeout = 100_000
  server.listen(port, '0.0.0.0', () => process.send?.('ready'))
}

process.once('message', (orders) => {
  run(orders as Orders)
})
// Whoever started it must not outlive it.
process.once('disconnect', () => process.exit())
