/**
 * How this process was told that pods are held, and whether the cluster lets it.
 *
 * @module
 */
import { isOlder, type ServerVersion } from '../kube/server-version.ts'
import { SettingsError } from '../kube/settings-error.ts'
import { admissions, holdings, type Admission, type Holding } from './pod.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Reads `HOLDING`. Throws a `SettingsError` that says what to change. */
export const readHolding = (environment: Environment): Holding =>
  readOne(environment, 'HOLDING', holdings, 'gate')

/** Reads `ADMISSION`. Throws a `SettingsError` that says what to change. */
export const readAdmission = (environment: Environment): Admission =>
  readOne(environment, 'ADMISSION', admissions, 'webhook')

const readOne = <T extends string>(
  environment: Environment,
  name: string,
  words: readonly T[],
  usual: T,
): T => {
  const text = environment[name] ?? ''
  const found = words.find((word) => word === (text === '' ? usual : text))
  if (found !== undefined) return found
  throw new SettingsError(
    `Cannot start: ${name} is "${text}", and must be one of ${words.join(', ')}`,
  )
}

/** The first version whose API server keeps the gates of pods unless it was told not to. */
const firstWithGates: ServerVersion = { major: 1, minor: 27 }

/** Throws a `SettingsError` where pods can't be held that way: an older API server drops the gate, and the pod would run. */
export const requireGates = (holding: Holding, version: ServerVersion): void => {
  if (holding !== 'gate' || !isOlder(version, firstWithGates)) return
  throw new SettingsError(
    `Cannot start: Kubernetes ${version.major}.${version.minor} drops scheduling gates silently, so that no pod would be held; ` +
      'upgrade to 1.27 or newer, or set webhook.holding to "permit" and permit.enabled to true in the values of the chart',
  )
}
