/**
 * What is ours to touch.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import {
  KeptnApp,
  KeptnAppCreationRequest,
  KeptnAppVersion,
  KeptnConfig,
  KeptnEvaluation,
  KeptnTask,
  KeptnTaskDefinition,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import { ConfigMap, Job, Namespace, Pod } from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import type { Change, Stored } from '../api-server.ts'
import { named, type Invariant } from './invariant.ts'
import { gatesOf, isApplied, isAutomatic } from './reading.ts'

/** What an object is without the parts that are ours. */
type Theirs = (object: Stored) => unknown

const without = (
  map: Readonly<Record<string, string>> | undefined,
  ours: readonly string[],
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => !ours.includes(key)))

const withoutMarks =
  (marks: readonly string[]): Theirs =>
  ({ metadata, spec, status }) => ({
    labels: without(metadata.labels, marks),
    annotations: without(metadata.annotations, marks),
    owners: metadata.ownerReferences ?? [],
    spec: { ...spec, schedulingGates: undefined },
    status,
  })

const podMarks = withoutMarks([
  'keptn.sh/gated',
  'keptn.sh/scheduling-gate-removed',
  'gatekept.dev/held',
])

interface Typed {
  readonly type: string
}

const theirConditions = ({ status }: Stored): readonly Typed[] =>
  ((status?.['conditions'] ?? []) as readonly Typed[]).filter(
    ({ type }) => type !== 'gatekept.dev/Released',
  )

/** The status alone is ours. */
const allButStatus: Theirs = ({ metadata, spec }) => ({
  labels: metadata.labels,
  annotations: metadata.annotations,
  spec,
})

const theirs: Readonly<Record<string, Theirs>> = {
  [Pod.kind]: (pod) => ({
    ...(podMarks(pod) as object),
    status: { ...pod.status, conditions: theirConditions(pod) },
    gates: gatesOf(pod).filter((name) => name !== 'keptn-prechecks-gate'),
  }),
  [Namespace.kind]: withoutMarks([
    'gatekept.dev/released',
    'gatekept.dev/managed-since',
    'keptn.sh/lifecycle-toolkit',
  ]),
  [KeptnTaskDefinition.kind]: allButStatus,
  [KeptnConfig.kind]: allButStatus,
}

const madeByUs: ReadonlySet<string> = new Set([
  KeptnApp.kind,
  KeptnAppVersion.kind,
  KeptnEvaluation.kind,
  KeptnTask.kind,
  KeptnWorkload.kind,
  KeptnWorkloadVersion.kind,
  ConfigMap.kind,
  Job.kind,
])

/** Of an app that people wrote, the status alone is ours. */
const theirsOf = (object: Stored): unknown => {
  if (object.kind === KeptnApp.kind && isApplied(object)) return object.spec
  const part = theirs[object.kind]
  if (part !== undefined) return part(object)
  return madeByUs.has(object.kind) ? undefined : object
}

const deletedByUs: ReadonlySet<string> = new Set([
  Job.kind,
  KeptnAppCreationRequest.kind,
  KeptnAppVersion.kind,
  KeptnWorkloadVersion.kind,
])

const problemOf = ({ before, after }: Change): string | undefined => {
  const object = after ?? before
  if (object === undefined) return undefined
  if (before === undefined) return madeByUs.has(object.kind) ? undefined : `${named(object)} made`
  if (after === undefined) return deletedByUs.has(object.kind) ? undefined : `${named(object)} gone`
  return isDeepStrictEqual(theirsOf(before), theirsOf(after)) ? undefined : named(after)
}

const touchesOnlyOurs: Invariant = {
  says: 'Only our own gate, fields and objects are touched',
  judge: () => (change) => (change.isOurs ? problemOf(change) : undefined),
}

/** What we make belongs to something, so that it goes with it; an app that we found belongs to nobody. */
const leavesNothingBehind: Invariant = {
  says: 'What we make has an owner',
  judge:
    () =>
    ({ before, after, isOurs }) => {
      if (!isOurs || before !== undefined || after === undefined) return undefined
      const isKept =
        controllerOf(after) !== undefined || after.metadata.ownerReferences !== undefined
      return isKept || (after.kind === KeptnApp.kind && isAutomatic(after))
        ? undefined
        : named(after)
    },
}

export const ownershipInvariants: readonly Invariant[] = [touchesOnlyOurs, leavesNothingBehind]
