/**
 * A node that is only an object: pods are bound to it and cost the machine nothing, so that what is measured is Gatekept
 * and not a kubelet. What a kubelet or the Job controller would tell is written by hand.
 *
 * @module
 */
import { Job, Lease, Pod } from '../../api/kubernetes.ts'
import type { New } from '../../api/object.ts'
import type { Client } from '../../kube/client.ts'
import type { Reflector } from '../../kube/reflector.ts'
import type { Cluster } from '../cluster/cluster.ts'

/** Its name. */
export const fakeNode = 'bench-node'
const name = fakeNode
const namespace = 'kube-node-lease'
/** A node that says nothing for 40 seconds counts as lost. */
const renewMs = 10_000

const leaseNow = (): New<Lease> => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, namespace },
  spec: {
    holderIdentity: name,
    leaseDurationSeconds: 40,
    renewTime: new Date().toISOString().replace('Z', '000Z'),
  },
})

/** Makes the node, sends all pods that come from now on to it, and keeps it alive until the signal is aborted. */
export const startFakeNode = async (
  cluster: Cluster,
  client: Client,
  signal: AbortSignal,
): Promise<void> => {
  if (cluster.nodeName !== undefined) await cluster.kubectl(['cordon', cluster.nodeName])
  await cluster.addFakeNode(name)
  await client.create(Lease, leaseNow())
  const timer = setInterval(() => {
    const { spec } = leaseNow()
    // Missing one renewal does no harm.
    client
      .patch(Lease, { namespace, name, patchType: 'merge', patch: { spec } })
      .catch(() => undefined)
  }, renewMs)
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
}

/** Ends a pod well, as a kubelet tells it. */
const endWell = async (client: Client, pod: Pod): Promise<void> => {
  const now = new Date().toISOString()
  const terminated = { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now }
  await client.patch(Pod, {
    ...pod.metadata,
    patchType: 'merge',
    subresource: 'status',
    patch: {
      status: {
        phase: 'Succeeded',
        containerStatuses: pod.spec.containers.map((container) => ({
          name: container.name,
          image: container.image,
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated },
        })),
      },
    },
  })
}

type Kubelet = (
  client: Client,
  pods: Reflector<Pod>['store'],
  options: { readonly signal: AbortSignal; readonly onError: (error: unknown) => void },
) => void

/** Does something with each pod as soon as it is bound to the node. Where that fails, it is told. */
const onceBound =
  (act: (client: Client, pod: Pod) => Promise<void>): Kubelet =>
  (client, pods, options) => {
    pods.subscribe(({ now, before }) => {
      if (now?.spec.nodeName !== name || before?.spec.nodeName === name) return
      act(client, now).catch(options.onError)
    }, options)
  }

/** Ends the pods of Jobs as soon as they are bound to the node; a pod that cannot be ended is told. */
export const endJobPods = onceBound(endWell)

/** Tells that a pod runs and is ready, as a kubelet does. */
const startWell = async (client: Client, { metadata }: Pod): Promise<void> => {
  const now = new Date().toISOString()
  const conditions = ['Initialized', 'ContainersReady', 'Ready'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: now,
  }))
  await client.patch(Pod, {
    ...metadata,
    patchType: 'strategic',
    subresource: 'status',
    patch: { status: { phase: 'Running', startTime: now, conditions } },
  })
}

/** Starts pods as soon as they are bound to the node. */
export const startPods = onceBound(startWell)

/** Tells that a Job is complete, in the one write that the Job controller ends with. */
export const completeJob = async (client: Client, { metadata }: Job): Promise<void> => {
  const now = new Date().toISOString()
  const conditions = ['SuccessCriteriaMet', 'Complete'].map((type) => ({
    type,
    status: 'True',
    reason: 'CompletionsReached',
    message: '',
    lastProbeTime: now,
    lastTransitionTime: now,
  }))
  await client.patch(Job, {
    ...metadata,
    patchType: 'merge',
    subresource: 'status',
    patch: { status: { startTime: now, completionTime: now, succeeded: 1, ready: 0, conditions } },
  })
}

/** Makes the pod of a Job, and ends it well: what the Job controller and a kubelet write. */
export const runPod = async (client: Client, { metadata, spec }: Job): Promise<void> => {
  const { name: job, namespace = '', uid } = metadata
  const pod = await client.create(Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${job}-0`,
      namespace,
      labels: {
        ...spec.template.metadata?.labels,
        'batch.kubernetes.io/controller-uid': uid,
        'batch.kubernetes.io/job-name': job,
      },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: job, uid, controller: true }],
    },
    spec: { ...spec.template.spec, nodeName: name },
  })
  await endWell(client, pod)
}

/** Completes Jobs as soon as they are there, in the Job controller's place: it takes a second to do so. */
export const completeJobs = (
  client: Client,
  jobs: Reflector<Job>['store'],
  options: { readonly signal: AbortSignal; readonly onError: (error: unknown) => void },
): void => {
  jobs.subscribe(({ now, before }) => {
    if (now === undefined || before !== undefined) return
    runPod(client, now)
      .then(() => completeJob(client, now))
      .catch(options.onError)
  }, options)
}
