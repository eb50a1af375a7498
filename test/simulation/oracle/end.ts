/**
 * What must have come of a history once nothing happens any more.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import {
  KeptnApp,
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import { Pod, ReplicaSet, StatefulSet } from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import type { Stored } from '../api-server.ts'
import { named, type EndInvariant, type Facts } from './invariant.ts'
import {
  attemptOf,
  hasEnded,
  hasFailedCheck,
  idsAsked,
  isAborted,
  isApplied,
  isAutomatic,
  isHeld,
  isWanted,
  isWrittenFor,
  listOf,
  recordsOf,
  referencesOf,
  revisionOf,
  saysReleased,
  stateOf,
  verdictOf,
  verdictReasonOf,
} from './reading.ts'

const isManaged = ({ chronicle }: Facts): boolean => {
  const namespace = chronicle.namespace()
  return namespace !== undefined && isWanted(namespace)
}

/** A pod that people took our label from before its namespace left: it is looked for once the namespace comes back. */
const isForgotten =
  (facts: Facts) =>
  ({ metadata }: Stored): boolean =>
    facts.intent.stripped.has(metadata.uid) && !isManaged(facts)

/** Whether there is one. */
export const hasForgotten = (facts: Facts): boolean =>
  facts.server.list(Pod).filter(isHeld).some(isForgotten(facts))

const heldPods = (facts: Facts): readonly Stored[] =>
  facts.server.list(Pod).filter((pod) => isHeld(pod) && !isForgotten(facts)(pod))

const newestStored =
  ({ chronicle }: Facts) =>
  (all: readonly Stored[]): readonly Stored[] =>
    all.filter(chronicle.isStored).slice(0, 1)

/** Whether the app that people wrote is gone, or has made way for one without their checks. */
const lacksItsApp = ({ server, intent }: Facts): boolean =>
  intent.appMode === 'written' && !server.list(KeptnApp).some(isApplied)

/** Whether the app that people wrote still lists what the pod is of; another one that does may have passed already. */
const isListed = ({ intent, chronicle }: Facts, pod: Stored): boolean => {
  const of = chronicle.workloadOf(revisionOf(pod))
  if (intent.appMode !== 'written' || of === undefined) return true
  const [newest] = chronicle.appVersions().filter(chronicle.isStored).toReversed()
  return chronicle
    .appVersionsOf(of)
    .filter(chronicle.isStored)
    .some((app) => app === newest || stateOf(app) !== 'Deprecated')
}

const releasesWhatPassed: EndInvariant = {
  says: 'What passed is released',
  judge: (facts) => {
    const { chronicle } = facts
    // A later attempt may fail in what an earlier one passed, and what has failed is held.
    const stored = (all: readonly Stored[]): readonly Stored[] =>
      all.filter(
        (version) =>
          chronicle.isStored(version) &&
          attemptOf(version) === 1 &&
          stateOf(version) !== 'Failed' &&
          !isPaused(version),
      )
    return current(facts, heldPods(facts))
      .filter((pod) => isListed(facts, pod))
      .filter((pod) => chronicle.havePassed(revisionOf(pod), newestStored(facts), stored))
      .map(named)
  },
}

/** Whether it waits since people have aborted its app. */
const isPaused = (version: Stored): boolean => verdictReasonOf(version) === 'AppAborted'

/** Whether people have ended the version of a pod, or that of its app. */
const isStoppedByPeople = ({ server, chronicle }: Facts, pod: Stored): boolean => {
  const of = chronicle.workloadOf(revisionOf(pod))
  const versions = server.list(KeptnWorkloadVersion)
  return (
    of !== undefined &&
    versions
      .filter((version) => chronicle.isOf(version, of))
      .some((version) => isAborted(version) || isPaused(version))
  )
}

const actsOnVerdicts: EndInvariant = {
  says: 'No pod is held whose version has the verdict',
  judge: (facts) => {
    const passed = facts.server
      .list(KeptnWorkloadVersion)
      .filter((version) => verdictOf(version) === 'True')
      .flatMap(({ spec }) => (spec?.['revisions'] ?? []) as readonly string[])
    return heldPods(facts)
      .filter((pod) => passed.includes(revisionOf(pod)))
      .map(named)
  },
}

const holdsNoneWithoutBlocking: EndInvariant = {
  says: 'Nothing that an app lists is held for good where checks do not block',
  judge: (facts) =>
    facts.intent.blocking || lacksItsApp(facts)
      ? []
      : current(facts, heldPods(facts))
          .filter((pod) => isListed(facts, pod) && !isStoppedByPeople(facts, pod))
          .map(named),
}

const holdsNoBystanders: EndInvariant = {
  says: 'Nothing is held for good that nobody said is ours',
  judge: (facts) =>
    heldPods(facts)
      .filter((pod) => facts.chronicle.workloadOf(revisionOf(pod)) === undefined)
      .map(named),
}

const letsGoWhatLeaves: EndInvariant = {
  says: 'A namespace that left holds nothing',
  judge: (facts) => (isManaged(facts) ? [] : heldPods(facts).map(named)),
}

const watchesWhatIsHeld: EndInvariant = {
  says: 'What is held carries the label by which it is watched',
  judge: (facts) =>
    heldPods(facts)
      .filter(({ metadata }) => metadata.labels?.['keptn.sh/gated'] !== 'true')
      .map(named),
}

const saysWhatItHolds: EndInvariant = {
  says: 'A pod that is held for good says so, and no other does',
  judge: (facts) => {
    const silent = heldPods(facts).filter((pod) => saysReleased(pod) !== 'False')
    const running = facts.server.list(Pod).filter((pod) => !isHeld(pod))
    return [...silent, ...running.filter((pod) => saysReleased(pod) === 'False')].map(named)
  },
}

const numberOf = ({ metadata }: Stored): number =>
  Number(metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0)

/** Whether the Deployment of this pod has a newer ReplicaSet. */
const isOfOlder = ({ server }: Facts, pod: Stored): boolean => {
  const sets = server.list(ReplicaSet)
  const mine = sets.find(({ metadata }) => metadata.uid === controllerOf(pod)?.uid)
  const deployment = mine && controllerOf(mine)?.uid
  return (
    mine !== undefined &&
    deployment !== undefined &&
    sets.some((set) => controllerOf(set)?.uid === deployment && numberOf(set) > numberOf(mine))
  )
}

/** Pods that their owner has not come to replace yet want nothing any more. */
const current = (facts: Facts, pods: readonly Stored[]): readonly Stored[] =>
  pods.filter((pod) => {
    if (isOfOlder(facts, pod)) return false
    const { server } = facts
    const uid = controllerOf(pod)?.uid
    const set = server.list(StatefulSet).find(({ metadata }) => metadata.uid === uid)
    return set === undefined || revisionOf(pod) === `${uid ?? ''}/${String(set.spec?.['hash'])}`
  })

const beginsWhatIsHeld: EndInvariant = {
  says: 'The version of what is held has begun, unless people have to write its app',
  judge: (facts) => {
    const { intent, chronicle, server } = facts
    if (intent.appMode === 'written') return []
    const hasBegun = (pod: Stored): boolean => {
      const of = chronicle.workloadOf(revisionOf(pod))
      return (
        of === undefined ||
        server
          .list(KeptnWorkloadVersion)
          .some(
            (version) =>
              chronicle.isOf(version, of) && version.status?.['currentPhase'] !== undefined,
          )
      )
    }
    return current(facts, heldPods(facts))
      .filter((pod) => !hasBegun(pod) && !isStoppedByPeople(facts, pod))
      .map(named)
  },
}

/** Of a version that people wrote an app for, what we made lets nothing begin: a leader that did not know may have made it last. */
const newestAppOf = ({ chronicle }: Facts, version: Stored): Stored | undefined =>
  chronicle
    .appVersions()
    .filter(({ spec }) => spec?.['appName'] === version.spec?.['app'])
    .filter(chronicle.isStored)
    .filter((app) => !isWrittenFor(version) || !isAutomatic(app))
    .at(-1)

const isListedIn = ({ chronicle }: Facts, version: Stored, app: Stored): boolean =>
  referencesOf(app).some(({ name, version: at }) =>
    chronicle.isOf(version, { workload: name, version: at }),
  )

/** Whether people list this workload at another version than its own: they have rolled it back, say. */
const isUnlisted = (facts: Facts, version: Stored): boolean => {
  const app = newestAppOf(facts, version)
  return facts.intent.appMode === 'written' && app !== undefined && !isListedIn(facts, version, app)
}

/** Whether a version that it lists was deleted or given up, and nothing is held that would need it again. */
const lacksVersions = ({ server, chronicle }: Facts, app: Stored): boolean =>
  referencesOf(app).some(
    ({ name, version }) =>
      !server
        .list(KeptnWorkloadVersion)
        .some(
          (object) =>
            chronicle.isOf(object, { workload: name, version }) && stateOf(object) !== 'Deprecated',
        ),
  )

/** Whether an app version lets no more versions begin: it failed, or people wrote it for one that was given up. */
const isOver = ({ intent }: Facts, app: Stored): boolean =>
  stateOf(app) === 'Failed' || (intent.appMode === 'written' && stateOf(app) === 'Deprecated')

/** Whether a version that has not begun has nothing to hope for until people act. */
const waitsForGood = (facts: Facts, version: Stored, app: Stored | undefined): boolean =>
  (version.status?.['currentPhase'] === undefined || isPaused(version)) &&
  (lacksItsApp(facts) || isUnlisted(facts, version) || (app !== undefined && isOver(facts, app)))

const versionOf = ({ server }: Facts, workload: Stored): Stored | undefined =>
  server
    .list(KeptnWorkloadVersion)
    .find(
      ({ spec }) =>
        spec?.['workloadName'] === workload.metadata.name &&
        spec['version'] === workload.spec?.['version'],
    )

const hasVersions: EndInvariant = {
  says: 'Every workload has its version',
  judge: (facts) =>
    facts.server
      .list(KeptnWorkload)
      .filter((workload) => versionOf(facts, workload) === undefined)
      .map(named),
}

const endsVersions: EndInvariant = {
  says: 'The version of every workload has ended, unless it waits for people',
  judge: (facts) =>
    facts.server.list(KeptnWorkload).flatMap((workload) => {
      const version = versionOf(facts, workload)
      if (version === undefined || hasEnded(version)) return []
      return waitsForGood(facts, version, newestAppOf(facts, version)) ? [] : [named(version)]
    }),
}

/** Whether an app that we made lists a version that people wrote an app for: with that alone it begins. */
const listsBarred = ({ server, chronicle }: Facts, app: Stored): boolean =>
  isAutomatic(app) &&
  server
    .list(KeptnWorkloadVersion)
    .some(
      (version) =>
        isWrittenFor(version) &&
        referencesOf(app).some(({ name, version: at }) =>
          chronicle.isOf(version, { workload: name, version: at }),
        ),
    )

const endsApps: EndInvariant = {
  says: 'The newest version of every app has ended, unless a version that it lists is gone',
  judge: (facts) =>
    facts.server.list(KeptnWorkload).flatMap((workload) => {
      const version = versionOf(facts, workload)
      const app = version && newestAppOf(facts, version)
      if (app === undefined || hasEnded(app) || listsBarred(facts, app)) return []
      return lacksVersions(facts, app) ? [] : [named(app)]
    }),
}

const runsFailureTasks: EndInvariant = {
  says: 'The on-failure tasks of an app version whose check has failed have ended',
  judge: ({ chronicle }) =>
    chronicle
      .appVersions()
      .filter(chronicle.isStored)
      .filter((version) => listOf(version, 'onFailure').length > 0 && hasFailedCheck(version))
      .filter((version) => stateOf(version) !== 'Deprecated' && !isAborted(version))
      .filter(
        ({ status }) => !['Succeeded', 'Failed'].includes(String(status?.['onFailureStatus'])),
      )
      .map(named),
}

const deprecatesOlder: EndInvariant = {
  says: 'Of an app version that was made again, one alone is not deprecated',
  judge: ({ server, chronicle }) =>
    server.list(KeptnApp).flatMap((app) =>
      chronicle
        .appVersions()
        .filter(chronicle.isStored)
        .filter(
          ({ spec }) =>
            spec?.['appName'] === app.metadata.name && spec['version'] === app.spec?.['version'],
        )
        .filter((version) => stateOf(version) !== 'Deprecated')
        .slice(1)
        .map(named),
    ),
}

const versionsOf = ({ server }: Facts): readonly Stored[] => [
  ...server.list(KeptnAppVersion),
  ...server.list(KeptnWorkloadVersion),
]

const answersAll: EndInvariant = {
  says: 'Everything that people have asked of a version is recorded once',
  judge: (facts) =>
    versionsOf(facts)
      .filter(
        (version) =>
          !isDeepStrictEqual(
            recordsOf(version).map(({ id }) => id),
            idsAsked(version),
          ),
      )
      .map(named),
}

const endsChecks: EndInvariant = {
  says: 'No task or evaluation of a version of which people have asked something is under way for good',
  judge: (facts) => {
    const asked = new Set(
      versionsOf(facts)
        .filter((version) => idsAsked(version).length > 0)
        .map(({ metadata }) => metadata.uid),
    )
    return [...facts.server.list(KeptnTask), ...facts.server.list(KeptnEvaluation)]
      .filter((check) => asked.has(controllerOf(check)?.uid ?? '') && !hasEnded(check))
      .map(named)
  },
}

export const endInvariants: readonly EndInvariant[] = [
  releasesWhatPassed,
  actsOnVerdicts,
  holdsNoneWithoutBlocking,
  holdsNoBystanders,
  letsGoWhatLeaves,
  watchesWhatIsHeld,
  saysWhatItHolds,
  beginsWhatIsHeld,
  hasVersions,
  endsVersions,
  endsApps,
  runsFailureTasks,
  deprecatesOlder,
  answersAll,
  endsChecks,
]
