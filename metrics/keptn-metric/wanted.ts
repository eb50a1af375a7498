/**
 * KeptnEvaluations that await newer values of metrics: these are asked for them before it is their turn.
 *
 * @module
 */
import { KeptnEvaluation, type Awaited } from '../../api/index.ts'
import type { KubeObject } from '../../api/object.ts'
import { joinKey } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'

/** An evaluation, cut down to what it awaits. */
export interface AwaitingEvaluation extends KubeObject {
  readonly status?: { readonly awaits?: Awaited }
}

/** How evaluations are reflected. The kind belongs to another part, which may not be installed. */
export const awaitingEvaluations = {
  type: KeptnEvaluation,
  project: ({ apiVersion, kind, metadata, status }: KeptnEvaluation): AwaitingEvaluation => {
    const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
    return {
      apiVersion,
      kind,
      metadata: {
        name,
        uid,
        resourceVersion,
        creationTimestamp,
        ...(namespace === undefined ? {} : { namespace }),
      },
      ...(status?.awaits === undefined ? {} : { status: { awaits: status.awaits } }),
    }
  },
  indexes: { awaits: (evaluation: AwaitingEvaluation) => awaitedKeys(evaluation) },
} as const

/** The keys of the metrics that an evaluation awaits. */
export const awaitedKeys = ({ status }: AwaitingEvaluation): readonly string[] =>
  (status?.awaits?.metrics ?? []).map(({ namespace, name }) => joinKey(namespace, name))

/** When a newer value of a metric was last wanted; `undefined`: nobody awaits one. */
export const wantedAt = (
  evaluations: Store<AwaitingEvaluation>,
  metricKey: string,
): Date | undefined => {
  const instants = evaluations
    .by('awaits', metricKey)
    .map(({ status }) => Date.parse(status?.awaits?.since ?? ''))
    .filter((instant) => !Number.isNaN(instant))
  return instants.length === 0 ? undefined : new Date(Math.max(...instants))
}
