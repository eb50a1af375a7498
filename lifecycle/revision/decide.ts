/**
 * What follows from a held pod: the KeptnWorkload it is a pod of.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import { KeptnWorkload, newObject, type KeptnWorkloadVersion } from '../../api/index.ts'
import type { OwnerReference } from '../../api/object.ts'
import type { Identity } from '../../identity/identity.ts'
import { keys } from '../../identity/keys.ts'
import { appName, workloadName } from '../../identity/names.ts'
import type { RevisionKey } from '../../identity/revision.ts'
import { settled, type Action, type Decision } from '../../kube/decision.ts'
import { factTransition } from '../transitions.ts'
import type { LifecycleConfig } from '../config.ts'

type WorkloadSpec = KeptnWorkload['spec']

/** Everything that one decision needs. */
export interface RevisionSeen {
  readonly now: Date
  readonly namespace: string
  readonly revision: RevisionKey
  readonly owner: OwnerReference
  /** Whether this is what its owner wants now: pods of an older revision change nothing. */
  readonly isCurrent: boolean
  /** The version that this revision belongs to, if that was recorded already: it is never decided twice. */
  readonly recorded: KeptnWorkloadVersion | undefined
  readonly identity: Identity | 'not-managed' | 'owner-needed'
  /** The KeptnWorkload of that identity, if there is one. */
  readonly workload: KeptnWorkload | undefined
  readonly config: LifecycleConfig
}

const listFields = [
  'preDeploymentTasks',
  'postDeploymentTasks',
  'preDeploymentEvaluations',
  'postDeploymentEvaluations',
] as const

/** The lists that name something: an empty one is left out, as Keptn does. */
const listsOf = (from: Partial<Record<(typeof listFields)[number], readonly string[]>>) =>
  Object.fromEntries(
    listFields.flatMap((field) => {
      const list = from[field] ?? []
      return list.length === 0 ? [] : [[field, list]]
    }),
  )

const specOf = (seen: RevisionSeen, identity: Identity): WorkloadSpec => ({
  app: appName(identity.app),
  version: identity.version,
  resourceReference: { uid: seen.owner.uid, kind: seen.owner.kind, name: seen.owner.name },
  revision: seen.revision,
  ...listsOf(identity),
  ...(Object.keys(identity.metadata).length === 0 ? {} : { metadata: identity.metadata }),
})

/** What was recorded for this revision is what its workload goes back to, whatever its pods say today. */
const specRecorded = (seen: RevisionSeen, { spec }: KeptnWorkloadVersion): WorkloadSpec => ({
  app: spec.app,
  version: spec.version,
  resourceReference: { uid: seen.owner.uid, kind: seen.owner.kind, name: seen.owner.name },
  revision: seen.revision,
  ...listsOf(spec),
  ...(spec.metadata === undefined ? {} : { metadata: spec.metadata }),
})

/** Not the controller reference: the ReplicaSet keeps that for its pods, and hands the workload on to the next one. */
const ownerOf = ({ owner }: RevisionSeen): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.name,
  uid: owner.uid,
})

/** Fields that the spec has and the wanted one has not, to be removed by a merge patch. */
const removed = (before: WorkloadSpec, after: WorkloadSpec): Readonly<Record<string, null>> =>
  Object.fromEntries(
    Object.keys(before)
      .filter((field) => !(field in after))
      .map((field) => [field, null]),
  )

const change = (seen: RevisionSeen, workload: KeptnWorkload, spec: WorkloadSpec): Action => ({
  kind: 'patch',
  type: KeptnWorkload,
  namespace: seen.namespace,
  name: workload.metadata.name,
  patchType: 'merge',
  patch: {
    metadata: {
      resourceVersion: workload.metadata.resourceVersion,
      ownerReferences: [ownerOf(seen)],
    },
    spec: { ...removed(workload.spec, spec), ...spec },
  },
})

const create = (seen: RevisionSeen, name: string, spec: WorkloadSpec, single: boolean): Action => ({
  kind: 'create',
  type: KeptnWorkload,
  object: newObject(KeptnWorkload, {
    metadata: {
      name,
      namespace: seen.namespace,
      ownerReferences: [ownerOf(seen)],
      ...(single ? { annotations: { [keys.appType]: 'single-service' } } : {}),
    },
    spec,
  }),
})

/** Whether two specs say the same: fields that are missing and fields that are undefined are no difference. */
const isSame = (a: WorkloadSpec, b: WorkloadSpec): boolean =>
  isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)))

/**
 * Decides what a held pod's revision makes of its KeptnWorkload: made, moved to this revision, or left alone.
 *
 * Only the owner's current revision decides; its identity is taken from what was recorded, and from the pod only the
 * first time.
 */
export const decide = (seen: RevisionSeen): Decision<never> => {
  const { identity, recorded, workload } = seen
  if (!seen.isCurrent) return settled
  if (recorded === undefined && typeof identity === 'string') return settled
  const spec =
    recorded === undefined ? specOf(seen, identity as Identity) : specRecorded(seen, recorded)
  if (workload !== undefined) {
    if (isSame(workload.spec, spec)) return settled
    return {
      actions: [change(seen, workload, spec)],
      transitions: [
        factTransition(
          {
            subject: workload,
            version: spec.version,
            eventNames: seen.config.eventNames,
            now: seen.now,
          },
          {
            reason: 'UpdateWorkload',
            what: `${seen.revision}/${spec.version}`,
            message: `KeptnWorkload moved to version "${spec.version}"`,
          },
        ),
      ],
    }
  }
  const single = typeof identity !== 'string' && identity.singleService
  const name =
    recorded?.spec.workloadName ??
    workloadName((identity as Identity).app, (identity as Identity).workload)
  return { actions: [create(seen, name, spec, single)], transitions: [] }
}
