/**
 * What must hold of gates and of the released list.
 *
 * @module
 */
import {
  ControllerRevision,
  DaemonSet,
  Namespace,
  Pod,
  ReplicaSet,
  StatefulSet,
} from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import type { ApiServer } from '../api-server.ts'
import { named, type Invariant } from './invariant.ts'
import { gatesOf, isHeld, isSelected, releasedOf, revisionOf } from './reading.ts'

const opensNoneTooEarly: Invariant = {
  says: 'A gate is never opened before its checks have passed',
  judge:
    ({ chronicle }) =>
    ({ type, before, after }) => {
      if (type.kind !== Pod.kind || before === undefined || after === undefined) return undefined
      if (!isHeld(before) || isHeld(after)) return undefined
      const isRight = chronicle.mayRun(revisionOf(after)) || chronicle.sawFreedom(after)
      return isRight ? undefined : named(after)
    },
}

const letsNoneSlip: Invariant = {
  says: 'A pod is created without our gate only if it may run',
  judge:
    ({ chronicle }) =>
    ({ type, before, after }) => {
      if (type.kind !== Pod.kind || before !== undefined || after === undefined) return undefined
      const namespace = chronicle.namespace()
      const isAsked = namespace !== undefined && isSelected(namespace)
      const isRight = !isAsked || isHeld(after) || chronicle.mayRun(revisionOf(after))
      return isRight ? undefined : named(after)
    },
}

const listsNoneTooEarly: Invariant = {
  says: 'A revision is never on the released list before it may run',
  judge:
    ({ chronicle }) =>
    ({ type, after }) =>
      type.kind !== Namespace.kind
        ? undefined
        : releasedOf(after).find((revision) => !chronicle.mayRun(revision)),
}

/** Whether pods of a revision can still be made. */
const exists = (server: ApiServer, revision: string): boolean => {
  const [uid = '', hash] = revision.split('/')
  const isOwner = [ReplicaSet, StatefulSet, DaemonSet].some((type) =>
    server.list(type).some(({ metadata }) => metadata.uid === uid),
  )
  if (hash === undefined) return isOwner
  return server
    .list(ControllerRevision)
    .some(
      (object) =>
        controllerOf(object)?.uid === uid &&
        object.metadata.labels?.['controller-revision-hash'] === hash,
    )
}

const staysReleased: Invariant = {
  says: 'What is released stays released while its pods can be made and the namespace does not leave',
  judge:
    ({ server }) =>
    ({ type, before, after, isOurs }) => {
      if (type.kind !== Namespace.kind || !isOurs || after === undefined) return undefined
      const kept = new Set(releasedOf(after))
      // Without a list there is none that it could be taken off.
      const isThere = after.metadata.annotations?.['gatekept.dev/released'] !== undefined
      const lost = releasedOf(before).filter((revision) => !kept.has(revision))
      return isThere ? lost.find((revision) => exists(server, revision)) : undefined
    },
}

const keepsGatesOfOthers: Invariant = {
  says: 'A gate of others is never touched',
  judge:
    () =>
    ({ type, after }) =>
      type.kind !== Pod.kind || after === undefined || gatesOf(after).includes('example.org/theirs')
        ? undefined
        : named(after),
}

export const gateInvariants: readonly Invariant[] = [
  opensNoneTooEarly,
  letsNoneSlip,
  listsNoneTooEarly,
  staysReleased,
  keepsGatesOfOthers,
]
