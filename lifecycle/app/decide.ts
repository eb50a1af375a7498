/**
 * What a KeptnApp makes: one KeptnAppVersion for each generation of its spec.
 *
 * @module
 */
import { KeptnAppVersion, newObject, type KeptnApp, type StatusOf } from '../../api/index.ts'
import { ownedBy } from '../../api/object.ts'
import { appVersionName } from '../../identity/names.ts'
import type { Action, Decision } from '../../kube/decision.ts'
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
  if (version !== undefined) return { status, actions: [], transitions: [] }
  return {
    status,
    actions: [create(app)],
    transitions: [
      factTransition(
        { subject: app, version: app.spec.version, eventNames: config.eventNames, now },
        {
          reason: 'CreateAppVersion',
          what: versionNameOf(app),
          message: `KeptnAppVersion "${versionNameOf(app)}" made`,
        },
      ),
    ],
  }
}
