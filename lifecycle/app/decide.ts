/**
 * What a KeptnApp makes: one KeptnAppVersion for each generation of its spec, with the checks of its KeptnAppContext.
 *
 * @module
 */
import {
  KeptnAppVersion,
  newObject,
  type KeptnApp,
  type KeptnAppContext,
  type StatusOf,
} from '../../api/index.ts'
import { controllerOf, ownedBy } from '../../api/object.ts'
import { settled, type Action, type Decision, type Transition } from '../../kube/decision.ts'
import { mergePatch } from '../../kube/merge-patch.ts'
import { isBeforeDeployment } from '../checks/app-checks.ts'
import { automaticLabels, isAutomatic } from '../checks/automatic-app.ts'
import { expired } from '../checks/history.ts'
import { isLeaving, isOnItsWayOut } from '../checks/leaving.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { namesIn } from '../children.ts'
import type { LifecycleConfig } from '../config.ts'
import { deploymentLists } from '../phases.ts'
import { factTransition, type Telling } from '../transitions.ts'
import { isOfPresent, versionNameOf } from './generation.ts'

export type AppStatus = StatusOf<KeptnApp>

/** Everything that one decision needs. */
export interface AppSeen {
  readonly now: Date
  readonly app: KeptnApp
  /** The KeptnAppContext of its name, if there is one. */
  readonly context: KeptnAppContext | undefined
  /** The KeptnAppVersion of its present generation, or whatever has the name of that. */
  readonly version: KeptnAppVersion | undefined
  /** All its KeptnAppVersions that are there, the newest first. */
  readonly history: readonly KeptnAppVersion[]
  readonly config: LifecycleConfig
}

type VersionSpec = KeptnAppVersion['spec']

const contextLists = [...deploymentLists, 'promotionTasks', 'onFailure'] as const

type Checks = Pick<VersionSpec, (typeof contextLists)[number]>

/** The checks of both, each once. Keptn's older apps carry theirs themselves; newer ones have a context for them. */
const unitedChecks = (one: Checks, other: Checks): Checks =>
  Object.fromEntries(
    contextLists.flatMap((list) => {
      const names = namesIn([...(one[list] ?? []), ...(other[list] ?? [])])
      return names.length === 0 ? [] : [[list, names]]
    }),
  )

/** What a version takes from the context of its app (spec/lifecycle 5.3). */
const contextOf = (checks: Checks, context: KeptnAppContext | undefined): Partial<VersionSpec> => {
  const { metadata, spanLinks } = context?.spec ?? {}
  return {
    ...unitedChecks(checks, context?.spec ?? {}),
    ...(metadata === undefined ? {} : { metadata }),
    ...(spanLinks === undefined ? {} : { spanLinks }),
  }
}

const create = ({ app, context }: AppSeen): Action => {
  const { metadata, spec, status } = app
  const previous = status?.currentVersion
  return {
    kind: 'create',
    type: KeptnAppVersion,
    object: newObject(KeptnAppVersion, {
      metadata: {
        name: versionNameOf(app),
        ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        ...(isAutomatic(app) ? { labels: automaticLabels } : {}),
        ownerReferences: [ownedBy(app)],
      },
      spec: {
        ...spec,
        ...contextOf(spec, context),
        appName: metadata.name,
        generation: metadata.generation ?? 1,
        ...(previous === undefined || previous === spec.version
          ? {}
          : { previousVersion: previous }),
      },
    }),
  }
}

const change = ({ metadata }: KeptnAppVersion, spec: object): Action => ({
  kind: 'patch',
  type: KeptnAppVersion,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  name: metadata.name,
  patchType: 'merge',
  patch: { metadata: { resourceVersion: metadata.resourceVersion }, spec },
})

/**
 * The version that later workloads join: of an app that we made, not yet deploying, with nothing changed but that workloads
 * have come. A change that a user makes is a version of its own.
 */
const joinable = ({ app, history }: AppSeen): KeptnAppVersion | undefined => {
  const [newest] = history
  if (newest === undefined || !isAutomatic(app) || !isBeforeDeployment(newest)) return undefined
  const { spec } = newest
  const isSame = spec.version === app.spec.version && spec.revision === app.spec.revision
  const stays = (spec.workloads ?? []).every(({ name, version }) =>
    app.spec.workloads?.some((listed) => listed.name === name && listed.version === version),
  )
  return isSame && stays ? newest : undefined
}

/** The checks of a context that came when the version was there already, while they can still be run. */
const followContext = (
  version: KeptnAppVersion,
  context: KeptnAppContext | undefined,
): readonly Action[] => {
  const isLate =
    context !== undefined &&
    context.metadata.creationTimestamp >= version.metadata.creationTimestamp
  if (!isLate || isLeaving(context) || isTerminal(version.status?.status)) return []
  const wanted = contextOf(version.spec, context)
  const present = Object.fromEntries(
    Object.keys(wanted).map((field) => [field, version.spec[field as keyof VersionSpec]]),
  )
  const difference = mergePatch(present, wanted)
  return difference === undefined ? [] : [change(version, difference)]
}

/** Versions that are kept no longer: the oldest first, never the present one, the one before it, or one that is under way. */
const tidyUp = ({ app, history, config }: AppSeen): readonly Action[] => {
  const present = history.find((version) => isOfPresent(app, version))
  const previous = history.find(({ spec }) => spec.version === present?.spec.previousVersion)
  const isNeeded = (version: KeptnAppVersion): boolean =>
    version === present || version === previous || !isTerminal(version.status?.status)
  return expired(KeptnAppVersion, { history, kept: config.versionsKept, isNeeded })
}

const madeFacts = (app: KeptnApp, telling: Telling): readonly Transition[] => {
  const name = versionNameOf(app)
  const isNew = app.status?.currentVersion === undefined && isAutomatic(app)
  const message = `KeptnApp "${app.metadata.name}" made from its workloads`
  return [
    ...(isNew ? [factTransition(telling, { reason: 'CreateApp', what: 'app', message })] : []),
    factTransition(telling, {
      reason: 'CreateAppVersion',
      what: name,
      message: `KeptnAppVersion "${name}" made`,
    }),
  ]
}

/** Makes what the present generation lacks, or lets it join the version that is there. */
const make = (seen: AppSeen, telling: Telling): Decision<AppStatus> => {
  const { app } = seen
  const status = { ...app.status, currentVersion: app.spec.version }
  const joined = joinable(seen)
  if (joined === undefined) {
    return { status, actions: [create(seen)], transitions: madeFacts(app, telling) }
  }
  const { workloads } = app.spec
  const joining = change(joined, { workloads, generation: app.metadata.generation ?? 1 })
  return { status, actions: [joining], transitions: [] }
}

/** Decides whether the present generation still needs its version, and what the app's status says. */
export const decide = (seen: AppSeen): Decision<AppStatus> => {
  const { app, version, context, config, now } = seen
  const telling: Telling = {
    subject: app,
    version: app.spec.version,
    eventNames: config.eventNames,
    now,
  }
  if (version === undefined) return make(seen, telling)
  if (isOnItsWayOut(version, app)) return settled
  // Names are parts put together, so a version of another app may have the same.
  if (controllerOf(version)?.uid === app.metadata.uid) {
    const status = { ...app.status, currentVersion: app.spec.version }
    const actions = [...followContext(version, context), ...tidyUp(seen)]
    return { status, actions, transitions: [] }
  }
  const refusal = factTransition(telling, {
    reason: config.eventNames === 'keptn' ? 'CreateAppVersionFailed' : 'AppVersionNameTaken',
    what: version.metadata.uid,
    message: `KeptnAppVersion "${versionNameOf(app)}" is that of KeptnApp "${version.spec.appName}": change the version or the revision of this app`,
    severity: 'Warning',
  })
  return { actions: [], transitions: [refusal] }
}
