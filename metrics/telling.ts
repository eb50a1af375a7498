/**
 * What a KeptnMetric or an Analysis says of itself: its conditions, and the facts that listeners are told. Pure.
 *
 * @module
 */
import { conditionTypes, type Condition } from '../api/index.ts'
import type { KubeObject } from '../api/object.ts'
import { findCondition, wholeSeconds, withCondition } from '../kube/conditions.ts'
import { referenceTo, type Transition } from '../kube/decision.ts'

type Conditions = readonly Condition[] | undefined

interface Subject extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] }
}

/** The conditions with how ready the object is, and by which generation of its spec. */
export const withReady = (
  object: KubeObject,
  conditions: Conditions,
  found: Pick<Condition, 'status' | 'reason' | 'message'>,
  now: Date,
): readonly Condition[] =>
  withCondition(conditions, { type: conditionTypes.ready, ...found, ...generationOf(object) }, now)

/** The conditions of an object that is not stalled: the absence of `Stalled` says that nobody has to change anything. */
export const unstalled = ({ status }: Subject): Conditions =>
  status?.conditions?.filter(({ type }) => type !== conditionTypes.stalled)

/** What an object says that goes on only after a person has changed something. The same problem is told once. */
export const stalled = (
  object: Subject,
  ready: Condition['status'],
  { reason, message }: Pick<Condition, 'reason' | 'message'>,
  now: Date,
): { readonly conditions: readonly Condition[]; readonly transitions: readonly Transition[] } => {
  const type = conditionTypes.stalled
  const { conditions } = object.status ?? {}
  const before = findCondition(conditions, type)
  const isKnown =
    before?.status === 'True' && before.reason === reason && before.message === message
  return {
    conditions: withCondition(
      withReady(object, conditions, { status: ready, reason, message }, now),
      { type, status: 'True', reason, message, ...generationOf(object) },
      now,
    ),
    transitions: isKnown ? [] : [factOf(object, { reason, message, severity: 'Warning' }, now)],
  }
}

/** A fact about an object, told at the instant when it became true. */
export const factOf = (
  object: KubeObject,
  fact: Pick<Transition, 'reason' | 'message' | 'severity'>,
  now: Date,
): Transition => ({
  id: `${object.metadata.uid}/${fact.reason}/${wholeSeconds(now)}`,
  subject: referenceTo(object),
  ...fact,
  at: now,
})

const generationOf = ({ metadata: { generation } }: KubeObject) =>
  generation === undefined ? {} : { observedGeneration: generation }
