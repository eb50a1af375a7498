/**
 * Whether the webhook can be reached: whether its Service has an endpoint that is ready.
 *
 * @module
 */
import { EndpointSlice } from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import type { Store } from '../../kube/store.ts'

/** As much of an EndpointSlice as is kept. */
export interface KeptEndpoints extends KubeObject {
  readonly isReady: boolean
}

/** The store of the webhook's endpoints. */
export const webhookEndpoints = (namespace: string) => ({
  type: EndpointSlice,
  namespace,
  labelSelector: 'kubernetes.io/service-name=lifecycle-webhook-service',
  project: ({ apiVersion, kind, metadata, endpoints }: EndpointSlice): KeptEndpoints => ({
    apiVersion,
    kind,
    metadata: {
      name: metadata.name,
      namespace,
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      creationTimestamp: metadata.creationTimestamp,
      // The watch selects by it.
      ...(metadata.labels && { labels: metadata.labels }),
    },
    // Not said means that it is: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions
    isReady: (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false),
  }),
})

/** Tells since when the webhook can be reached; `undefined` while it can't. Its return is when this process hears of it. */
export const watchReach = (endpoints: Store<KeptEndpoints>): (() => Date | undefined) => {
  let since: Date | undefined
  endpoints.subscribe(() => {
    const isReachable = [...endpoints.all()].some(({ isReady }) => isReady)
    since = isReachable ? (since ?? new Date()) : undefined
  })
  return () => since
}
