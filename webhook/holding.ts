/**
 * How this process was told to hold pods, and whether the cluster lets it.
 *
 * @module
 */
import { isOlder, type ServerVersion } from '../kube/server-version.ts'
import { SettingsError } from '../kube/settings-error.ts'
import { holdings, type Holding } from './pod.ts'

/** Reads `HOLDING`. Throws a `SettingsError` that says what to change. */
export const readHolding = (environment: Readonly<Record<string, string | undefined>>): Holding => {
  const text = environment['HOLDING'] ?? ''
  const found = holdings.find((holding) => holding === (text === '' ? 'gate' : text))
  if (found !== undefined) return found
  throw new SettingsError(
    `Cannot start: HOLDING is "${text}", and must be one of ${holdings.join(', ')}`,
  )
}

/** The first version whose API server keeps the gates of pods unless it was told not to. */
const firstWithGates: ServerVersion = { major: 1, minor: 27 }

/** Throws a `SettingsError` where pods can't be held that way: an older API server drops the gate, and the pod would run. */
export const requireGates = (holding: Holding, version: ServerVersion): void => {
  if (holding !== 'gate' || !isOlder(version, firstWithGates)) return
  throw new SettingsError(
    `Cannot start: Kubernetes ${version.major}.${version.minor} drops scheduling gates silently, so that no pod would be held; ` +
      'upgrade to 1.27 or newer, or set HOLDING to "permit" and install the scheduler of manifests/permit',
  )
}
