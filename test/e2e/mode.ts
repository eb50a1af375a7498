/**
 * How pods are held while the suite runs. Every test is to pass in each mode, but those of what admission policies alone do.
 *
 * @module
 */

/**
 * The chart's value `admission` on a cluster that has admission policies; `webhook-alone`: the chart decides, on a cluster that
 * has none, as before Kubernetes 1.30.
 */
export const modes = ['auto', 'policy', 'webhook', 'webhook-alone'] as const
export type Mode = (typeof modes)[number]

const readMode = (text: string | undefined): Mode => {
  const found = modes.find((mode) => mode === (text ?? 'auto'))
  if (found !== undefined) return found
  throw new Error(`GATEKEPT_ADMISSION is "${text ?? ''}", and must be one of ${modes.join(', ')}`)
}

/** What the variable GATEKEPT_ADMISSION says; `auto`, which is by policy on the clusters of the tests, where it says nothing. */
export const mode = readMode(process.env['GATEKEPT_ADMISSION'])

/** Whether the API server has admission policies. */
export const hasPolicies = mode !== 'webhook-alone'

/** The chart's value `admission`. */
export const admission = mode === 'webhook-alone' ? 'auto' : mode
