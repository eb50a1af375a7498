/**
 * What has happened so far in a history, as far as invariants need to know, and what follows from it.
 *
 * @module
 */
import {
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import { Namespace, Pod } from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import type { ApiServer, Change, Stored } from '../api-server.ts'
import { shop, type Checks, type Intent } from '../intent.ts'
import {
  doneFor,
  isAutomatic,
  isHeld,
  isWanted,
  isWrittenFor,
  listOf,
  referencesOf,
  revisionOf,
  stateOf,
} from './reading.ts'

/** A workload of ours at a version. */
export interface WorkloadAt {
  readonly workload: string
  readonly version: string
}

type Choice = (all: readonly Stored[]) => readonly Stored[]
const all: Choice = (objects) => objects

type PreChecks = Pick<Checks, 'preTasks' | 'preEvaluations'>

/** A history, to be asked. */
export interface Chronicle {
  readonly note: (change: Change) => void
  readonly namespace: () => Stored | undefined
  /** What people said that a revision is of; `undefined`: it is none of ours. */
  readonly workloadOf: (revision: string) => WorkloadAt | undefined
  readonly appNameOf: (workload: string) => string
  readonly isOf: (version: Stored, of: WorkloadAt) => boolean
  /** Whether all checks that people wanted before this revision runs have succeeded, in some version that is chosen, or people have let it go. */
  readonly havePassed: (revision: string, apps?: Choice, versions?: Choice) => boolean
  /** Whether the checks before the deployment that a version lists have succeeded. */
  readonly hasPassedOwn: (version: Stored) => boolean
  /** Whether people have released a version. */
  readonly isReleased: (version: Stored) => boolean
  /** Whether people have skipped a check, `<pre or pre-eval …>/<definition>`, of the version with this UID. */
  readonly isSkipped: (uid: string, check: string) => boolean
  /** Whether a revision may run: its checks have passed, or it needs none, or it ran before. */
  readonly mayRun: (revision: string) => boolean
  /** Whether the namespace was not managed for some time of the pod's life. */
  readonly sawFreedom: (pod: Stored) => boolean
  /** The app versions that list a workload version, the newest first. */
  readonly appVersionsOf: (of: WorkloadAt) => readonly Stored[]
  readonly appVersions: () => readonly Stored[]
  readonly isStored: (version: Stored) => boolean
}

/** Begins to follow a history. */
export const createChronicle = (server: ApiServer, intent: Intent): Chronicle => {
  /** `<UID of the version>/<pre or pre-eval>/<definition>` */
  const succeeded = new Set<string>()
  /** What people have skipped, likewise. */
  const skipped = new Set<string>()
  /** UIDs of versions that people have released. */
  const released = new Set<string>()
  const workloadVersions = new Map<string, Stored>()
  const appVersions = new Map<string, Stored>()
  /** Revisions with a pod that has run. */
  const ran = new Set<string>()
  /** The version of the cluster at which the namespace was last not managed. */
  let freeUntil = 0

  const namespace = (): Stored | undefined => server.get(Namespace, { name: shop })

  const noteCheck = (check: Stored): void => {
    if (stateOf(check) !== 'Succeeded') return
    const { checkType, taskDefinition, evaluationDefinition } = check.spec ?? {}
    const definition = String(taskDefinition ?? evaluationDefinition)
    succeeded.add(`${controllerOf(check)?.uid ?? ''}/${String(checkType)}/${definition}`)
  }

  const noteActions = (version: Stored): void => {
    const { uid } = version.metadata
    if (doneFor(version, 'release').length > 0) released.add(uid)
    for (const { check = '', phase = '' } of doneFor(version, 'skip')) {
      const [, when = '', kind = ''] =
        /(Pre|Post|Promotion)(?:Deploy)?(Tasks|Evaluations)$/.exec(phase) ?? []
      const type = `${when.toLowerCase()}${kind === 'Evaluations' ? '-eval' : ''}`
      skipped.add(`${uid}/${type}/${check}`)
    }
  }

  const noteNamespace = ({ before, version }: Change): void => {
    if (before === undefined || !isWanted(before)) freeUntil = Number(version)
  }

  const notes: Readonly<Record<string, (after: Stored, change: Change) => void>> = {
    [KeptnTask.kind]: noteCheck,
    [KeptnEvaluation.kind]: noteCheck,
    [KeptnAppVersion.kind]: (after) => {
      noteActions(after)
      appVersions.set(after.metadata.uid, after)
    },
    [KeptnWorkloadVersion.kind]: (after) => {
      noteActions(after)
      workloadVersions.set(after.metadata.uid, after)
    },
    [Pod.kind]: (after) => {
      if (!isHeld(after) && after.spec?.['nodeName'] !== undefined) ran.add(revisionOf(after))
    },
    [Namespace.kind]: (_, change) => {
      noteNamespace(change)
    },
  }

  const havePassedIn = ({ metadata }: Stored, { preTasks, preEvaluations }: PreChecks): boolean =>
    [...preTasks.map((name) => `pre/${name}`), ...preEvaluations.map((name) => `pre-eval/${name}`)]
      .map((check) => `${metadata.uid}/${check}`)
      .every((check) => succeeded.has(check) || skipped.has(check)) || released.has(metadata.uid)

  /** The checks of an app are those that its version was made with: it may have been found before a person wrote it. */
  const listedIn = (version: Stored): PreChecks => ({
    preTasks: listOf(version, 'preDeploymentTasks'),
    preEvaluations: listOf(version, 'preDeploymentEvaluations'),
  })

  const appNameOf = (workload: string): string => (intent.appMode === 'single' ? workload : 'app')

  const isOf = ({ spec }: Stored, { workload, version }: WorkloadAt): boolean =>
    spec?.['workloadName'] === `${appNameOf(workload)}-${workload}` && spec['version'] === version

  const appVersionsOf = ({ workload, version }: WorkloadAt): readonly Stored[] =>
    [...appVersions.values()]
      .filter(({ spec }) => spec?.['appName'] === appNameOf(workload))
      .filter((app) =>
        referencesOf(app).some((each) => each.name === workload && each.version === version),
      )
      .toReversed()

  const workloadOf = (revision: string): WorkloadAt | undefined => {
    const { workload, version = '' } = intent.revisions.get(revision) ?? {}
    return workload === undefined ? undefined : { workload, version }
  }

  const havePassed: Chronicle['havePassed'] = (revision, apps = all, versions = all) => {
    const of = workloadOf(revision)
    const checks = of && intent.checks.get(`${of.workload}/${of.version}`)
    if (of === undefined || checks === undefined) return false
    const appsOf = (version: Stored): readonly Stored[] =>
      apps(appVersionsOf(of).filter((app) => !isWrittenFor(version) || !isAutomatic(app)))
    return versions([...workloadVersions.values()].filter((version) => isOf(version, of))).some(
      (version) =>
        released.has(version.metadata.uid) ||
        (havePassedIn(version, checks) &&
          appsOf(version).some((app) => havePassedIn(app, listedIn(app)))),
    )
  }

  const isFree = (): boolean => {
    const now = namespace()
    return now === undefined || !isWanted(now)
  }

  /** Resource versions count up: what was made at one is known by it. */
  const madeAt = ({ metadata }: Stored): number => Number(metadata.uid.replace('uid-', ''))

  return {
    note: (change) => {
      if (change.after !== undefined) notes[change.type.kind]?.(change.after, change)
    },
    namespace,
    workloadOf,
    appNameOf,
    isOf,
    havePassed,
    isReleased: ({ metadata }) => released.has(metadata.uid),
    isSkipped: (uid, check) => skipped.has(`${uid}/${check}`),
    hasPassedOwn: (version) => havePassedIn(version, listedIn(version)),
    mayRun: (revision) =>
      !intent.blocking ||
      ran.has(revision) ||
      workloadOf(revision) === undefined ||
      havePassed(revision),
    sawFreedom: (pod) => isFree() || madeAt(pod) <= freeUntil,
    appVersionsOf,
    appVersions: () => [...appVersions.values()],
    isStored: ({ kind, metadata }) =>
      server
        .list(kind === KeptnAppVersion.kind ? KeptnAppVersion : KeptnWorkloadVersion)
        .some((object) => object.metadata.uid === metadata.uid),
  }
}
