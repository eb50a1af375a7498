/**
 * Judges a history by what was stored, one change at a time, and by what people wanted. It shares no rule with the code it
 * judges.
 *
 * @module
 */
import {
  KeptnApp,
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../../api/index.ts'
import { Job, Namespace, Pod } from '../../api/kubernetes.ts'
import { controllerOf } from '../../api/object.ts'
import type { ApiServer, Change, Stored } from './api-server.ts'
import type { Checks, Intent } from './world.ts'

/** What has gone wrong, in sentences. */
export interface Oracle {
  readonly judge: (change: Change) => void
  /** When nothing happens any more. */
  readonly judgeEnd: () => void
  readonly complaints: readonly string[]
}

const gate = 'keptn-prechecks-gate'
const releasedKey = 'gatekept.dev/released'

const gatesOf = (pod: Stored | undefined): readonly string[] =>
  ((pod?.spec?.['schedulingGates'] ?? []) as readonly { readonly name: string }[]).map(
    ({ name }) => name,
  )

const stateOf = ({ kind, status }: Stored): unknown =>
  kind === KeptnEvaluation.kind ? status?.['overallStatus'] : status?.['status']

const hasEnded = (object: Stored): boolean =>
  ['Succeeded', 'Failed', 'Deprecated'].includes(String(stateOf(object)))

const attemptOf = ({ status }: Stored): number => Number(status?.['attempt'] ?? 1)

const conditionOf = ({ status }: Stored, wanted: string): unknown => {
  const conditions = (status?.['conditions'] ?? []) as readonly {
    readonly type: string
    readonly status: string
  }[]
  return conditions.find(({ type }) => type === wanted)?.status
}

const verdictOf = (version: Stored): unknown => conditionOf(version, 'PreDeploymentPassed')
const releasedOf = (pod: Stored): unknown => conditionOf(pod, 'gatekept.dev/Released')

interface Reference {
  readonly name: string
  readonly version: string
}

const referencesOf = ({ spec }: Stored): readonly Reference[] =>
  (spec?.['workloads'] ?? []) as readonly Reference[]

const lists = (appVersion: Stored, { workload, version }: { workload: string; version: string }) =>
  referencesOf(appVersion).some(
    (reference) => reference.name === workload && reference.version === version,
  )

const listOf = ({ spec }: Stored, field: string): readonly string[] =>
  (spec?.[field] ?? []) as readonly string[]

/** The checks of an app are those that its version was made with: it may have been found before a person wrote it. */
const checksOf = (appVersion: Stored): Pick<Checks, 'preTasks' | 'preEvaluations'> => ({
  preTasks: listOf(appVersion, 'preDeploymentTasks'),
  preEvaluations: listOf(appVersion, 'preDeploymentEvaluations'),
})

const isAutomatic = ({ metadata }: Stored): boolean =>
  metadata.labels?.['app.kubernetes.io/managed-by'] === 'keptn'

const isApplied = ({ metadata }: Stored): boolean =>
  metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration'] !== undefined

/** Whether it was stored that people wrote an app for this version. */
const isWrittenFor = ({ status }: Stored): boolean => status?.['writtenAppUID'] !== undefined

/** Makes an oracle. */
export const createOracle = (server: ApiServer, intent: Intent): Oracle => {
  const complaints: string[] = []
  /** `<UID of the version>/<pre or pre-eval>/<definition>` */
  const succeeded = new Set<string>()
  const jobsOfTask = new Map<string, number>()
  const workloadVersions = new Map<string, Stored>()
  const appVersions = new Map<string, Stored>()

  const complain = (sentence: string, { metadata, kind }: Stored): void => {
    complaints.push(`${sentence}: ${kind} "${metadata.name}"`)
  }

  const havePassed = (
    owner: Stored,
    { preTasks, preEvaluations }: Pick<Checks, 'preTasks' | 'preEvaluations'>,
  ): boolean =>
    [...preTasks.map((name) => `pre/${name}`), ...preEvaluations.map((name) => `pre-eval/${name}`)]
      .map((check) => `${owner.metadata.uid}/${check}`)
      .every((check) => succeeded.has(check))

  const appNameOf = (workload: string): string => (intent.appMode === 'single' ? workload : 'app')

  const isStored = ({ kind, metadata }: Stored): boolean =>
    server
      .list(kind === KeptnAppVersion.kind ? KeptnAppVersion : KeptnWorkloadVersion)
      .some((object) => object.metadata.uid === metadata.uid)

  /** The app versions that a version belongs to, the newest first. */
  const appVersionsOf = (of: { workload: string; version: string }): readonly Stored[] =>
    [...appVersions.values()]
      .filter(({ spec }) => spec?.['appName'] === appNameOf(of.workload))
      .filter((appVersion) => lists(appVersion, of))
      .toReversed()

  const isMine = (
    object: Stored,
    { workload, version }: { workload: string; version: string },
  ): boolean =>
    object.spec?.['workloadName'] === `${appNameOf(workload)}-${workload}` &&
    object.spec['version'] === version

  /** Whether everything that people wanted before this revision runs has succeeded. */
  const mayRun = (
    revision: string,
    apps: (of: readonly Stored[]) => readonly Stored[],
    counted: (of: readonly Stored[]) => readonly Stored[] = (all) => all,
  ): boolean => {
    const of = intent.revisions.get(revision)
    if (of === undefined) return false
    const checks = intent.checks.get(`${of.workload}/${of.version}`)
    const own = [...workloadVersions.values()].filter((object) => isMine(object, of))
    const appsOf = (object: Stored): readonly Stored[] =>
      apps(appVersionsOf(of).filter((app) => !isWrittenFor(object) || !isAutomatic(app)))
    return (
      checks !== undefined &&
      counted(own).some(
        (object) =>
          havePassed(object, checks) &&
          appsOf(object).some((app) => havePassed(app, checksOf(app))),
      )
    )
  }

  const judgePod = ({ before, after }: Change): void => {
    if (after === undefined || before === undefined) return
    const opened = gatesOf(before).includes(gate) && !gatesOf(after).includes(gate)
    if (!gatesOf(after).includes('example.org/theirs')) complain('A foreign gate is gone', after)
    if (!opened) return
    const revision = controllerOf(after)?.uid ?? ''
    if (intent.blocking && !mayRun(revision, (all) => all)) complain('Opened too early', after)
  }

  const judgeList = ({ after }: Change): void => {
    const list = (after?.metadata.annotations?.[releasedKey] ?? 'v1').split(' ').slice(1)
    for (const revision of list) {
      const isEarly = intent.blocking && !mayRun(revision, (all) => all)
      if (isEarly && after !== undefined) complain(`Listed ${revision} too early`, after)
    }
  }

  const judgeJob = ({ before, after }: Change): void => {
    if (before !== undefined || after === undefined) return
    const task = controllerOf(after)?.uid ?? ''
    const count = (jobsOfTask.get(task) ?? 0) + 1
    jobsOfTask.set(task, count)
    if (count > 1) complain('A second Job for one task', after)
  }

  const judgeCheck = (after: Stored): void => {
    if (stateOf(after) !== 'Succeeded') return
    const { checkType, taskDefinition, evaluationDefinition } = after.spec ?? {}
    const definition = String(taskDefinition ?? evaluationDefinition)
    succeeded.add(`${controllerOf(after)?.uid ?? ''}/${String(checkType)}/${definition}`)
    const job = String(after.status?.['jobUid'])
    const isTrue = after.kind === KeptnEvaluation.kind || intent.jobs.get(job) === 'Complete'
    if (!isTrue) complain('Succeeded, but its Job did not', after)
  }

  const judgeEnding = ({ before, after }: Change): void => {
    if (before === undefined || after === undefined || !hasEnded(before)) return
    const [was, is] = [stateOf(before), stateOf(after)]
    const isReplaced = after.kind === KeptnAppVersion.kind && is === 'Deprecated'
    const isNewAttempt = attemptOf(after) === attemptOf(before) + 1
    if (was !== is && !isReplaced && !isNewAttempt)
      complain(`Ended ${String(was)}, became ${String(is)}`, after)
  }

  const judgeVersion = ({ before, after }: Change): void => {
    if (after === undefined) return
    const versions = after.kind === KeptnAppVersion.kind ? appVersions : workloadVersions
    versions.set(after.metadata.uid, after)
    const wasPassed = before !== undefined && verdictOf(before) === 'True'
    if (wasPassed && verdictOf(after) !== 'True') complain('A verdict was taken back', after)
  }

  const hasBegun = (of: { workload: string; version: string }): boolean =>
    server
      .list(KeptnWorkloadVersion)
      .some((version) => isMine(version, of) && version.status?.['currentPhase'] !== undefined)

  /** A pod that waits for good says so, and one that was let go does not go on saying it. */
  const judgeWords = (pod: Stored): void => {
    const says = releasedOf(pod)
    const isHeld = gatesOf(pod).includes(gate)
    if (isHeld && says !== 'False') complain('Held, and does not say why', pod)
    if (!isHeld && says === 'False') complain('Says that it is held, and is not', pod)
  }

  const judgeHeld = (pod: Stored): void => {
    const revision = controllerOf(pod)?.uid ?? ''
    const present = (all: readonly Stored[]): readonly Stored[] => all.filter(isStored)
    const newest = (all: readonly Stored[]): readonly Stored[] => present(all).slice(0, 1)
    const of = intent.revisions.get(revision)
    if (intent.appMode !== 'written' && of !== undefined && !hasBegun(of))
      complain('Still held, and its version has not begun', pod)
    if (mayRun(revision, newest, present)) complain('Still held, though all have passed', pod)
    if (!intent.blocking && !lacksItsApp()) complain('Still held, though checks do not block', pod)
  }

  const newestAppOf = (version: Stored): Stored | undefined =>
    [...appVersions.values()]
      .filter(({ spec }) => spec?.['appName'] === version.spec?.['app'])
      .filter(isStored)
      .toReversed()[0]

  /** Whether the app that people wrote is gone, or has made way for one without their checks. */
  const lacksItsApp = (): boolean =>
    intent.appMode === 'written' && !server.list(KeptnApp).some(isApplied)

  /** Whether people list this workload at another version than its own: they have rolled it back, say. */
  const isUnlisted = (version: Stored): boolean => {
    if (intent.appMode !== 'written') return false
    const listing = [...appVersions.values()].filter(isStored).flatMap(referencesOf)
    return !listing.some((reference) => isMine(version, { ...reference, workload: reference.name }))
  }

  /** Whether a version that it lists was deleted, and nothing is held that would need it again. */
  const lacksVersions = (app: Stored): boolean =>
    referencesOf(app).some(
      (reference) =>
        !server
          .list(KeptnWorkloadVersion)
          .some((version) => isMine(version, { ...reference, workload: reference.name })),
    )

  /** Whether a version that has not begun has nothing to hope for until people act. */
  const waitsForGood = (version: Stored, app: Stored | undefined): boolean =>
    version.status?.['currentPhase'] === undefined &&
    (lacksItsApp() || isUnlisted(version) || (app !== undefined && stateOf(app) === 'Failed'))

  const judgeLast = (workload: Stored): void => {
    const own = (object: Stored): boolean =>
      object.spec?.['workloadName'] === workload.metadata.name &&
      object.spec['version'] === workload.spec?.['version']
    const version = server.list(KeptnWorkloadVersion).find(own)
    if (version === undefined) {
      complain('Has no version', workload)
      return
    }
    const app = newestAppOf(version)
    if (!hasEnded(version) && !waitsForGood(version, app)) complain('Never ended', version)
    if (app !== undefined && !hasEnded(app) && !lacksVersions(app)) complain('Never ended', app)
  }

  const judgeReplaced = (app: Stored): void => {
    const made = [...appVersions.values()]
      .filter(isStored)
      .filter(
        ({ spec }) =>
          spec?.['appName'] === app.metadata.name && spec['version'] === app.spec?.['version'],
      )
    for (const older of made.slice(0, -1)) {
      if (stateOf(older) !== 'Deprecated') complain('Was made again and is not deprecated', older)
    }
  }

  const judges: Readonly<Record<string, (change: Change) => void>> = {
    [Pod.kind]: judgePod,
    [Namespace.kind]: judgeList,
    [Job.kind]: judgeJob,
    [KeptnTask.kind]: judgeEnding,
    [KeptnEvaluation.kind]: judgeEnding,
    [KeptnAppVersion.kind]: (change) => {
      judgeVersion(change)
      judgeEnding(change)
    },
    [KeptnWorkloadVersion.kind]: (change) => {
      judgeVersion(change)
      judgeEnding(change)
    },
  }

  return {
    complaints,
    judge: (change) => {
      const { kind } = change.type
      const isCheck = kind === KeptnTask.kind || kind === KeptnEvaluation.kind
      if (isCheck && change.after !== undefined) judgeCheck(change.after)
      judges[kind]?.(change)
    },
    judgeEnd: () => {
      for (const pod of server.list(Pod)) {
        judgeWords(pod)
        if (gatesOf(pod).includes(gate)) judgeHeld(pod)
      }
      for (const app of server.list(KeptnApp)) judgeReplaced(app)
      for (const workload of server.list(KeptnWorkload)) judgeLast(workload)
    },
  }
}
