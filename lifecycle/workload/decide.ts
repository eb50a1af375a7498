/**
 * What a KeptnWorkload makes of its version: a KeptnWorkloadVersion for each (workload, version) pair.
 *
 * @module
 */
import {
  KeptnWorkloadVersion,
  newObject,
  type KeptnWorkload,
  type StatusOf,
} from '../../api/index.ts'
import { controllerOf, ownedBy } from '../../api/object.ts'
import { workloadVersionName } from '../../identity/names.ts'
import { settled, type Action, type Decision } from '../../kube/decision.ts'
import { mergePatch } from '../../kube/merge-patch.ts'
import { expired } from '../checks/history.ts'
import { isOnItsWayOut } from '../checks/leaving.ts'
import { isTerminal } from '../checks/roll-up.ts'
import type { LifecycleConfig } from '../config.ts'
import { factTransition } from '../transitions.ts'

export type WorkloadStatus = StatusOf<KeptnWorkload>

/** Everything that one decision needs. */
export interface WorkloadSeen {
  readonly now: Date
  readonly workload: KeptnWorkload
  /** The KeptnWorkloadVersion of its present version, if there is one. */
  readonly version: KeptnWorkloadVersion | undefined
  /** All its versions, the newest first. */
  readonly history: readonly KeptnWorkloadVersion[]
  /** UIDs of those whose pods an owner may make again: a ReplicaSet or ControllerRevision of theirs exists. */
  readonly revived: readonly string[]
  readonly config: LifecycleConfig
}

/** The name of the KeptnWorkloadVersion that a workload's present version has. */
export const versionNameOf = (workload: KeptnWorkload): string =>
  workloadVersionName(workload.metadata.name, workload.spec.version)

const revisionsWith = (
  revisions: readonly string[],
  revision: string | undefined,
): readonly string[] =>
  revision === undefined || revisions.includes(revision) ? revisions : [...revisions, revision]

const create = (workload: KeptnWorkload): Action => {
  const { metadata, spec, status } = workload
  const previous = status?.currentVersion
  return {
    kind: 'create',
    type: KeptnWorkloadVersion,
    object: newObject(KeptnWorkloadVersion, {
      metadata: {
        name: versionNameOf(workload),
        ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        ownerReferences: [ownedBy(workload)],
      },
      spec: {
        ...spec,
        workloadName: metadata.name,
        ...(previous === undefined || previous === spec.version
          ? {}
          : { previousVersion: previous }),
        revisions: revisionsWith([], spec.revision),
      },
    }),
  }
}

/** What a version has of its own: the rest of its spec repeats that of its workload. */
const ownFields = ['workloadName', 'previousVersion', 'traceId', 'revisions', 'actions'] as const

/** The same version from another revision, or with other checks listed: the version follows, what it has done stays. */
const follow = (workload: KeptnWorkload, version: KeptnWorkloadVersion): readonly Action[] => {
  const own = Object.fromEntries(ownFields.map((field) => [field, version.spec[field]]))
  const wanted = {
    ...own,
    ...workload.spec,
    revisions: revisionsWith(version.spec.revisions ?? [], workload.spec.revision),
  }
  // A difference, since lists and metadata that are no longer there must go, too.
  const spec = mergePatch(version.spec, wanted)
  if (spec === undefined) return []
  const { namespace, name, resourceVersion } = version.metadata
  return [
    {
      kind: 'patch',
      type: KeptnWorkloadVersion,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      patchType: 'merge',
      patch: { metadata: { resourceVersion }, spec },
    },
  ]
}

/**
 * Whether the object that has the name is the version that is meant. Names are parts put together, so another workload's
 * version may have the same; to follow that one would lend this workload its verdict.
 */
const isMeant = (workload: KeptnWorkload, version: KeptnWorkloadVersion): boolean =>
  controllerOf(version)?.uid === workload.metadata.uid &&
  version.spec.version === workload.spec.version

/** Versions that are kept no longer: never the present one, the one before it, or one that may come back. */
const tidyUp = ({
  workload,
  version,
  history,
  revived,
  config,
}: WorkloadSeen): readonly Action[] => {
  const previous = version?.spec.previousVersion
  const isNeeded = (one: KeptnWorkloadVersion): boolean =>
    one.spec.version === workload.spec.version ||
    one.spec.version === previous ||
    !isTerminal(one.status?.status) ||
    revived.includes(one.metadata.uid)
  return expired(KeptnWorkloadVersion, { history, kept: config.versionsKept, isNeeded })
}

/** A rollout is told as done before Kubernetes has tidied up after it. */
const tidiedUpMs = 10_000

/**
 * When to look once more for versions that can't come back any more: a StatefulSet or DaemonSet drops its revisions right
 * after a rollout, and these are not watched as ReplicaSets are.
 */
const lookAgainAt = ({ workload, version, revived, now }: WorkloadSeen): Date | undefined => {
  const { endTime } = version?.status ?? {}
  const isWatched = workload.spec.resourceReference.kind === 'ReplicaSet'
  if (isWatched || endTime === undefined || revived.length === 0) return undefined
  const at = new Date(Date.parse(endTime) + tidiedUpMs)
  return now < at ? at : undefined
}

/** Decides which version object a workload needs, and what its status says. */
export const decide = (seen: WorkloadSeen): Decision<WorkloadStatus> => {
  const { workload, version, config, now } = seen
  const { eventNames } = config
  const status = { ...workload.status, currentVersion: workload.spec.version }
  const telling = { subject: workload, version: workload.spec.version, eventNames, now }
  const name = versionNameOf(workload)
  if (version === undefined) {
    const told = factTransition(telling, {
      reason: eventNames === 'keptn' ? 'CreateWorkloadVersion' : 'CreateWorkloadInstance',
      what: workload.spec.version,
      message: `KeptnWorkloadVersion "${name}" made`,
    })
    const isNew = workload.status?.currentVersion === undefined
    const message = `KeptnWorkload "${workload.metadata.name}" made`
    const first = factTransition(telling, { reason: 'CreateWorkload', what: 'workload', message })
    const transitions = isNew ? [first, told] : [told]
    return { status, actions: [create(workload)], transitions }
  }
  if (isOnItsWayOut(version, workload)) return settled
  if (isMeant(workload, version)) {
    const actions = [...follow(workload, version), ...tidyUp(seen)]
    return { status, actions, transitions: [], wakeAt: lookAgainAt(seen) }
  }
  const refusal = factTransition(telling, {
    reason: eventNames === 'keptn' ? 'CreateWorkloadVersionFailed' : 'WorkloadVersionNameTaken',
    what: `${workload.spec.version}/${version.metadata.uid}`,
    message: `KeptnWorkloadVersion "${name}" is that of version "${version.spec.version}" of KeptnWorkload "${version.spec.workloadName}": choose another version`,
    severity: 'Warning',
  })
  return { actions: [], transitions: [refusal] }
}
