/**
 * What a KeptnApp makes: one KeptnAppVersion for each generation of its spec.
 *
 * @module
 */
import { KeptnAppVersion, newObject, type KeptnApp, type StatusOf } from '../../api/index.ts'
import { controllerOf, ownedBy } from '../../api/object.ts'
import { appVersionName } from '../../identity/names.ts'
import { settled, type Action, type Decision } from '../../kube/decision.ts'
import { automaticLabels, isAutomatic } from '../checks/automatic-app.ts'
import { isOnItsWayOut } from '../checks/leaving.ts'
import type { LifecycleConfig } from '../config.ts'
import { factTransition } from '../transitions.ts'

export type AppStatus = StatusOf<KeptnApp>

/** Everything that one decision needs. */
export interface AppSeen {
  readonly now: Date
  readonly app: KeptnApp
  /** The KeptnAppVersion of its present generation, if there is one. */
  readonly version: KeptnAppVersion | undefined
  readonly config: LifecycleConfig
}

/** The name of the KeptnAppVersion that an app's present generation has. */
export const versionNameOf = (app: KeptnApp): string =>
  appVersionName(app.metadata.name, app.spec.version, app.metadata.generation ?? 1)

/** The names that KeptnAppVersions of its present version got from earlier generations. */
export const earlierVersionNames = ({ metadata, spec }: KeptnApp): readonly string[] =>
  Array.from({ length: (metadata.generation ?? 1) - 1 }, (_, index) =>
    appVersionName(metadata.name, spec.version, index + 1),
  )

const create = (app: KeptnApp): Action => {
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
        appName: metadata.name,
        ...(previous === undefined || previous === spec.version
          ? {}
          : { previousVersion: previous }),
      },
    }),
  }
}

/** Decides whether the present generation still needs its version, and what the app's status says. */
export const decide = (seen: AppSeen): Decision<AppStatus> => {
  const { app, version, config, now } = seen
  const status = { ...app.status, currentVersion: app.spec.version }
  const name = versionNameOf(app)
  const telling = {
    subject: app,
    version: app.spec.version,
    eventNames: config.eventNames,
    now,
  }
  if (version === undefined) {
    const told = factTransition(telling, {
      reason: 'CreateAppVersion',
      what: name,
      message: `KeptnAppVersion "${name}" made`,
    })
    return { status, actions: [create(app)], transitions: [told] }
  }
  if (isOnItsWayOut(version, app)) return settled
  // Names are parts put together, so a version of another app may have the same.
  if (controllerOf(version)?.uid === app.metadata.uid) {
    return { status, actions: [], transitions: [] }
  }
  const refusal = factTransition(telling, {
    reason: 'AppVersionNameTaken',
    what: version.metadata.uid,
    message: `KeptnAppVersion "${name}" is that of KeptnApp "${version.spec.appName}": change the version or the revision of this app`,
    severity: 'Warning',
  })
  return { actions: [], transitions: [refusal] }
}
