/**
 * Our gate on a pod, and the two patches that concern it. A pod's other gates belong to other controllers: nothing here
 * names them, so nothing here can open them.
 *
 * @module
 */
import { Pod } from '../api/kubernetes.ts'
import type { KubeObject } from '../api/object.ts'
import { gateName, keys } from '../identity/keys.ts'
import { carriesGate, waitsForPermit } from '../identity/scope.ts'
import type { Patch } from '../kube/decision.ts'

/** The gates of a pod, as far as they are read here. */
export interface Gated extends KubeObject {
  readonly spec: {
    readonly nodeName?: string
    readonly schedulerName?: string
    readonly schedulingGates?: readonly { readonly name: string }[]
  }
}

/**
 * Opens our gate, takes the label away with it, and leaves the mark that Keptn's users look for.
 *
 * A strategic merge that deletes by name has no race with other removers and may be repeated. The UID is in it so that a
 * namesake created since then is refused instead of let go. A pod that its scheduler holds has no gate: there the change of its
 * labels makes the scheduler look at it again, and ask us.
 */
export const openGate = (pod: Gated): Patch =>
  patch(pod, {
    metadata: {
      uid: pod.metadata.uid,
      labels: { [keys.gated]: null },
      annotations: { [keys.gateRemoved]: 'true' },
    },
    // An API server that knows no gates can't read a patch about them.
    ...(carriesGate(pod)
      ? { spec: { schedulingGates: [{ $patch: 'delete', name: gateName }] } }
      : {}),
  })

/**
 * Whether the pod may be held without the label by which held pods are watched: Keptn's carry our gate so. One that waits for
 * its scheduler may as well have been let go.
 */
export const lacksLabel = (pod: Gated): boolean =>
  (carriesGate(pod) || waitsForPermit(pod)) && pod.metadata.labels?.[keys.gated] !== 'true'

/** Puts the label on a pod that is held, so that it is watched from then on. */
export const labelGated = (pod: Gated): Patch =>
  patch(pod, { metadata: { uid: pod.metadata.uid, labels: { [keys.gated]: 'true' } } })

const patch = ({ metadata }: Gated, content: Patch['patch']): Patch => ({
  kind: 'patch',
  type: Pod,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  name: metadata.name,
  patchType: 'strategic',
  patch: content,
})
