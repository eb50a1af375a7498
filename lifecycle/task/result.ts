/**
 * What a task leaves for others: a JSON value that it writes to a file, and that the kubelet tells as the termination message
 * of its container.
 *
 * @module
 */
/** Where a task leaves its result. */
export const resultPath = '/tmp/keptn-result.json'

/**
 * As much of the file as the kubelet tells, from its end.
 * https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
 */
const maxResultBytes = 4096

/** What a task has left: a value, or something that is none, and why. */
export type Left =
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'unusable'; readonly reason: string; readonly message: string }

/** What a text is that a task has left as its result; `undefined`: it left none. */
export const leftAs = (text: string): Left | undefined => {
  if (text.trim() === '') return undefined
  const result = parsed(text)
  if (result !== undefined) return { kind: 'result', result }
  return Buffer.byteLength(text) >= maxResultBytes
    ? unusable('TooLarge', `is larger than ${maxResultBytes} bytes`)
    : unusable('InvalidJson', 'is not JSON')
}

const unusable = (reason: string, what: string): Left => ({
  kind: 'unusable',
  reason,
  message: `The result of the task, ${resultPath}, ${what}, and was not kept`,
})

/** The JSON in a text; `null` is none. */
const parsed = (text: string): unknown => {
  try {
    return withoutNulls(JSON.parse(text)) ?? undefined
  } catch {
    // What a task writes is up to it, and is said on the task.
    return undefined
  }
}

/** The object in a text; anything else may be the end of a log. */
export const objectIn = (text: string): object | undefined => {
  const value = parsed(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
}

/**
 * A merge patch takes `null` for the wish to remove a member: where one is missing, nothing is lost. A number that is too
 * large to be one would be written as `null`.
 */
const withoutNulls = (value: unknown): unknown => {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutNulls)
  const kept = Object.entries(value).map(([name, member]) => [name, withoutNulls(member)] as const)
  return Object.fromEntries(kept.filter(([, member]) => member !== null))
}
