/**
 * What a KeptnWorkloadVersion says about the gates of its revisions.
 *
 * @module
 */
import type { KeptnWorkloadVersion } from '../api/keptn-workload-version.ts'
import { conditionTypes, type Condition } from '../api/condition.ts'
import type { RevisionKey } from '../identity/revision.ts'
import { findCondition } from '../kube/conditions.ts'
import { revisionIndexKey } from './held-pods.ts'

/** The stored verdict; `undefined`: there is none yet. */
export const verdictOf = (version: KeptnWorkloadVersion): Condition | undefined =>
  findCondition(version.status?.conditions, conditionTypes.preDeploymentPassed)

/**
 * Whether the version's pre-deployment checks are stored as passed. `False`, `Unknown`, a missing verdict and a version
 * that is being deleted are all no.
 */
export const isPassed = (version: KeptnWorkloadVersion): boolean =>
  version.metadata.deletionTimestamp === undefined && verdictOf(version)?.status === 'True'

/** The revisions that share the version's verdict. */
export const revisionsOf = (version: KeptnWorkloadVersion): readonly RevisionKey[] =>
  version.spec.revisions ?? []

/** Indexes that the gate needs of the store of KeptnWorkloadVersions. */
export const versionIndexes = {
  namespace: (version: KeptnWorkloadVersion): readonly string[] => [
    version.metadata.namespace ?? '',
  ],
  revision: (version: KeptnWorkloadVersion): readonly string[] =>
    revisionsOf(version).map((revision) => revisionIndexKey(version.metadata.namespace, revision)),
} as const
