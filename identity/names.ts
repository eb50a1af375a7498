/**
 * Names of our objects. Where two controllers, or one before and after a crash, mean the same object they make the same
 * name, and the API server lets only one of them create it.
 *
 * @module
 */
import { createHash } from 'node:crypto'

const maxName = 253
const maxLabel = 63
const minPart = 80

// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
const legalName = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/

/**
 * Keptn's name for something that consists of these parts: long ones are cut from the left, the last one never.
 * Where the API server would refuse it, what is illegal becomes `-`, and a hash keeps different names different.
 */
export const keptnName = (...parts: readonly string[]): string => {
  const name = folded(joinCut(parts, maxName, minPart))
  if (name.length <= maxName && legalName.test(name)) return name
  const legal = name.replace(/[^a-z0-9.-]/g, '-').replace(/(?<=[-.]|^)\.|\.(?=[-.]|$)/g, '-')
  return withHash(legal, maxName, digest(folded(parts.join('-'))).slice(0, 8))
}

/**
 * Keptn's way to join parts to at most `max` characters, as long as none gets shorter than `min`.
 * The last part is never shortened, so that the result may be longer.
 */
export const joinCut = (parts: readonly string[], max: number, min: number): string => {
  const whole = parts.join('-')
  // Nearly all are short; an app of 200 workloads makes tens of thousands of names for each step of its version.
  if (whole.length <= max) return whole
  let least = min
  while (parts.length * least > max) least = Math.floor(least / 2)
  const kept = [...parts]
  for (const [index, part] of parts.slice(0, -1).entries()) {
    const excess = kept.join('-').length - max
    if (excess <= 0) break
    if (part.length > least) {
      kept[index] = part.slice(0, part.length - Math.min(excess, part.length - least))
    }
  }
  return kept.join('-')
}

/** Name of the KeptnApp of an application. */
export const appName = (app: string): string => keptnName(app)

/** Name of the KeptnWorkload of a workload. */
export const workloadName = (app: string, workload: string): string =>
  keptnName(appName(app), workload)

/** Name of the KeptnWorkloadVersion of a version of a KeptnWorkload. */
export const workloadVersionName = (keptnWorkload: string, version: string): string =>
  keptnName(keptnWorkload, version)

/** Name of the KeptnAppVersion of one generation of a KeptnApp. */
export const appVersionName = (keptnApp: string, version: string, generation: number): string =>
  keptnName(keptnApp, version, digest(generation.toString()).slice(0, 8))

/** The version of an app that was made automatically: that of its only workload, else a hash over all (KeptnWorkload names). */
export const automaticAppVersion = (
  workloads: readonly { readonly name: string; readonly version: string }[],
): string => {
  const [first, ...others] = workloads
  if (first !== undefined && others.length === 0) return first.version
  const sorted = workloads.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  return digest(sorted.map(({ name, version }) => `${name}-${version}`).join('')).slice(0, 10)
}

/** Name of a KeptnTask or KeptnEvaluation; also legal as the name of its Job and as a label of its pods. */
export const childName = (
  checkType: string,
  definition: string,
  ...identifiedBy: readonly (string | number)[]
): string => cut(`${checkType}-${definition}`, maxLabel, [checkType, definition, ...identifiedBy])

/** `<prefix, cut>-<10 hex>`: at most `max` characters, legal as a DNS label if `max` is at most 63. */
export const cutName = (prefix: string, max: number, ...identifiedBy: readonly string[]): string =>
  cut(prefix, max, [prefix, ...identifiedBy])

const cut = (prefix: string, max: number, identifiedBy: readonly (string | number)[]): string =>
  withHash(
    folded(prefix).replace(/[^a-z0-9-]/g, '-'),
    max,
    digest(JSON.stringify(identifiedBy.map(String))).slice(0, 10),
  )

const withHash = (text: string, max: number, hash: string): string => {
  const rest = text
    .replace(/^-+/, '')
    .slice(0, max - hash.length - 1)
    .replace(/[-.]+$/, '')
  return rest === '' ? hash : `${rest}-${hash}`
}

const folded = (text: string): string => text.toLowerCase().replaceAll('_', '-')

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
