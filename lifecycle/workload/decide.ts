/**
 * What a KeptnWorkload makes of its version: a KeptnWorkloadVersion for each (workload, version) pair.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import {
  KeptnWorkloadVersion,
  newObject,
  type KeptnWorkload,
  type StatusOf,
} from '../../api/index.ts'
import { ownedBy } from '../../api/object.ts'
import { workloadVersionName } from '../../identity/names.ts'
import type { Action, Decision } from '../../kube/decision.ts'
import type { LifecycleConfig } from '../config.ts'
import { factTransition } from '../transitions.ts'

export type WorkloadStatus = StatusOf<KeptnWorkload>

/** Everything that one decision needs. */
export interface WorkloadSeen {
  readonly now: Date
  readonly workload: KeptnWorkload
  /** The KeptnWorkloadVersion of its present version, if there is one. */
  readonly version: KeptnWorkloadVersion | undefined
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

/** The same version from another revision, or with other checks listed: the version follows, what it has done stays. */
const follow = (workload: KeptnWorkload, version: KeptnWorkloadVersion): readonly Action[] => {
  const { spec } = workload
  const wanted = {
    ...spec,
    revisions: revisionsWith(version.spec.revisions ?? [], spec.revision),
  }
  const before = Object.fromEntries(
    Object.keys(wanted).map((field) => [field, version.spec[field as keyof typeof version.spec]]),
  )
  if (isDeepStrictEqual({ ...before }, { ...wanted })) return []
  return [
    {
      kind: 'patch',
      type: KeptnWorkloadVersion,
      ...(version.metadata.namespace === undefined
        ? {}
        : { namespace: version.metadata.namespace }),
      name: version.metadata.name,
      patchType: 'merge',
      patch: {
        metadata: { resourceVersion: version.metadata.resourceVersion },
        spec: wanted,
      },
    },
  ]
}

/** Decides which version object a workload needs, and what its status says. */
export const decide = (seen: WorkloadSeen): Decision<WorkloadStatus> => {
  const { workload, version, config, now } = seen
  const status = { ...workload.status, currentVersion: workload.spec.version }
  if (version !== undefined) {
    return { status, actions: follow(workload, version), transitions: [] }
  }
  return {
    status,
    actions: [create(workload)],
    transitions: [
      factTransition(
        { subject: workload, version: workload.spec.version, eventNames: config.eventNames, now },
        {
          reason:
            config.eventNames === 'keptn' ? 'CreateWorkloadVersion' : 'CreateWorkloadInstance',
          what: workload.spec.version,
          message: `KeptnWorkloadVersion "${versionNameOf(workload)}" made`,
        },
      ),
    ],
  }
}
