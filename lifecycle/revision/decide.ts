/**
 * What follows from a held pod: the KeptnWorkload it is a pod of.
 *
 * @module
 */
import { KeptnWorkload, newObject, type KeptnWorkloadVersion } from '../../api/index.ts'
import type { OwnerReference } from '../../api/object.ts'
import type { Identity } from '../../identity/identity.ts'
import { keys } from '../../identity/keys.ts'
import { appName, workloadName } from '../../identity/names.ts'
import type { RevisionKey } from '../../identity/revision.ts'
import { mergePatch } from '../../kube/merge-patch.ts'
import { settled, type Action, type Decision, type MergePatch } from '../../kube/decision.ts'
import { deploymentLists } from '../phases.ts'
import { factTransition } from '../transitions.ts'
import { isLeaving } from '../checks/leaving.ts'
import type { LifecycleConfig } from '../config.ts'

type WorkloadSpec = KeptnWorkload['spec']

/** Everything that one decision needs. */
export interface RevisionSeen {
  readonly now: Date
  readonly namespace: string
  readonly revision: RevisionKey
  readonly owner: OwnerReference
  /** When the newest of its held pods was made; for a revision that its owner has gone back to, now. */
  readonly since: Date
  /** Whether this is what its owner wants now: pods of an older revision change nothing. */
  readonly isCurrent: boolean
  /** The version that this revision belongs to, if that was recorded already: it is never decided twice. */
  readonly recorded: KeptnWorkloadVersion | undefined
  readonly identity: Identity | 'not-managed' | 'owner-needed'
  /** The KeptnWorkload of that identity, if there is one. */
  readonly workload: KeptnWorkload | undefined
  /** Whether the revision that the KeptnWorkload has now is what another owner wants now. */
  readonly hasRival: boolean
  readonly config: LifecycleConfig
}

/** The lists that name something: an empty one is left out, as Keptn does. */
const listsOf = (from: Partial<Record<(typeof deploymentLists)[number], readonly string[]>>) =>
  Object.fromEntries(
    deploymentLists.flatMap((field) => {
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

const change = (seen: RevisionSeen, workload: KeptnWorkload, difference: MergePatch): Action => ({
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
    spec: difference,
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

/** The KeptnWorkload moves to this revision. */
const move = (seen: RevisionSeen, workload: KeptnWorkload, spec: WorkloadSpec): Decision<never> => {
  const telling = {
    subject: workload,
    version: spec.version,
    eventNames: seen.config.eventNames,
    now: seen.now,
  }
  // Names are parts put together: to move another app's workload would lend this one its versions' verdicts.
  if (workload.spec.app !== spec.app) {
    const refusal = factTransition(telling, {
      reason: seen.config.eventNames === 'keptn' ? 'UpdateWorkloadFailed' : 'WorkloadNameTaken',
      what: seen.revision,
      message: `KeptnWorkload "${workload.metadata.name}" belongs to app "${workload.spec.app}": the pods of ${seen.owner.kind} "${seen.owner.name}" need another workload or app name`,
      severity: 'Warning',
    })
    return { actions: [], transitions: [refusal] }
  }
  const difference = mergePatch(workload.spec, spec)
  if (difference === undefined) return settled
  const told = factTransition(telling, {
    reason: 'UpdateWorkload',
    what: `${seen.revision}/${spec.version}`,
    message: `KeptnWorkload moved to version "${spec.version}"`,
  })
  return { actions: [change(seen, workload, difference)], transitions: [told] }
}

const soonestLookMs = 2_000
const latestLookMs = 300_000

/**
 * A revision that no version lists yet looks again: the KeptnWorkload may be taken over by another one of the same name
 * before the version was made. Usually the version comes first, and wakes it.
 */
const untilRecorded = (seen: RevisionSeen, decision: Decision<never>): Decision<never> => {
  const ageMs = seen.now.getTime() - seen.since.getTime()
  const waitMs = Math.min(Math.max(ageMs, soonestLookMs), latestLookMs)
  return { ...decision, wakeAt: new Date(seen.now.getTime() + waitMs) }
}

/**
 * Decides what a held pod's revision makes of its KeptnWorkload: made, moved to this revision, or left alone.
 *
 * Only the owner's current revision decides; its identity is taken from what was recorded, and from the pod only the
 * first time. Of several owners that say they are the same workload each has its turn once: a revision that is recorded
 * leaves the KeptnWorkload to whoever has it, or they would take it from each other for ever. One that is being deleted is
 * waited out: what is written to it goes with it, and its name is free once it is gone, which wakes the revision.
 */
export const decide = (seen: RevisionSeen): Decision<never> => {
  const { identity, recorded, workload } = seen
  if (!seen.isCurrent) return settled
  if (workload !== undefined && isLeaving(workload)) return settled
  if (recorded !== undefined) {
    if (workload !== undefined && seen.hasRival) return settled
    const spec = specRecorded(seen, recorded)
    return workload === undefined
      ? { actions: [create(seen, recorded.spec.workloadName, spec, false)], transitions: [] }
      : move(seen, workload, spec)
  }
  if (typeof identity === 'string') return settled
  const spec = specOf(seen, identity)
  if (workload !== undefined) return untilRecorded(seen, move(seen, workload, spec))
  const name = workloadName(identity.app, identity.workload)
  const action = create(seen, name, spec, identity.singleService)
  return untilRecorded(seen, { actions: [action], transitions: [] })
}
