/**
 * Conditions in a status: one per type, each with the time since when it stands as it does.
 *
 * @module
 */
import type { Condition } from '../api/condition.ts'

/** The condition of this type, if it is there. */
export const findCondition = (
  list: readonly Condition[] | undefined,
  type: string,
): Condition | undefined => list?.find((condition) => condition.type === type)

/**
 * The list with one condition set.
 *
 * Its time changes with its status alone, so that a new message or reason doesn't hide since when it holds.
 * The others keep their places. A message that is longer than the API server takes is cut: the whole status would be refused.
 */
export const withCondition = (
  list: readonly Condition[] | undefined,
  next: Omit<Condition, 'lastTransitionTime'>,
  now: Date,
): readonly Condition[] => {
  const before = findCondition(list, next.type)
  const lastTransitionTime =
    before?.status === next.status ? before.lastTransitionTime : wholeSeconds(now)
  const condition: Condition = { ...next, message: cut(next.message), lastTransitionTime }
  if (list === undefined || before === undefined) return [...(list ?? []), condition]
  return list.map((other) => (other === before ? condition : other))
}

const longestMessage = 32_768

const cut = (message: string): string =>
  message.length <= longestMessage ? message : `${message.slice(0, longestMessage - 1)}…`

const mostNamed = 20

/** The first of many texts, and how many more there are: a message has place for some. */
export const firstOf = (texts: readonly string[], between: string, most = mostNamed): string => {
  const rest = texts.length - most
  return [...texts.slice(0, most), ...(rest > 0 ? [`and ${rest} more`] : [])].join(between)
}

/** An instant as Kubernetes writes it in times like these: in whole seconds, the fraction cut off. */
export const wholeSeconds = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, 'Z')
