/**
 * Which KeptnAppVersion stands for which generation of a KeptnApp.
 *
 * @module
 */
import type { KeptnApp, KeptnAppVersion } from '../../api/index.ts'
import { controllerOf } from '../../api/object.ts'
import { appVersionName } from '../../identity/names.ts'

/** The name of the KeptnAppVersion that an app's present generation gets. */
export const versionNameOf = (app: KeptnApp): string =>
  appVersionName(app.metadata.name, app.spec.version, app.metadata.generation ?? 1)

/** Whether it is the version of the app's present generation. Keptn's tell by their names alone. */
export const isOfPresent = (app: KeptnApp, { metadata, spec }: KeptnAppVersion): boolean =>
  spec.generation === undefined
    ? metadata.name === versionNameOf(app)
    : spec.generation === (app.metadata.generation ?? 1) && spec.version === app.spec.version

/** The version of the app's present generation, if there is one. */
export const presentOf = (
  app: KeptnApp,
  versions: readonly KeptnAppVersion[],
): KeptnAppVersion | undefined =>
  versions.find(
    (version) => controllerOf(version)?.uid === app.metadata.uid && isOfPresent(app, version),
  )
