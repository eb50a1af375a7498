/**
 * The questions of a kube-scheduler and our answers to them: `ExtenderArgs` and `ExtenderFilterResult` of
 * `k8s.io/kube-scheduler/extender/v1`, whose members have capitals. Only a scheduler that knows its nodes itself
 * (`nodeCacheCapable`) can ask: it sends their names.
 *
 * @module
 */

/** What is read of a question. */
export interface Question {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string }
  /** The nodes that the pod would fit on. */
  readonly nodeNames: readonly string[]
}

/** Whether the pod may have a node. A refusal is a sentence for whoever looks at the pod's events. */
export type Answer =
  { readonly passes: true } | { readonly passes: false; readonly message: string }

/** A question that can't be answered, because it isn't one. */
export class QuestionError extends Error {
  override readonly name = 'QuestionError'
  readonly statusCode = 400
}

/** Reads a question. Throws a `QuestionError` for what isn't one: the scheduler then binds nothing. */
export const parseQuestion = (body: unknown): Question => {
  const { Pod: pod, NodeNames: nodeNames } = mapOf(body, 'it is no object')
  if (!isListOfTexts(nodeNames)) {
    throw unreadable('it has no NodeNames; set nodeCacheCapable in the settings of the extender')
  }
  const { namespace, name, uid } = mapOf(
    mapOf(pod, 'it has no Pod')['metadata'],
    'its Pod has no metadata',
  )
  if (!isText(namespace) || !isText(name) || !isText(uid)) {
    throw unreadable('its Pod misses its namespace, name or UID')
  }
  return { pod: { namespace, name, uid }, nodeNames }
}

/**
 * An answer as the scheduler wants it. A pod that is held fits on no node, and would not if others made room for it: without
 * that, pods of lower priority would be ended for nothing.
 */
export const formatAnswer = ({ nodeNames }: Question, answer: Answer): object =>
  answer.passes
    ? { NodeNames: nodeNames, FailedNodes: {} }
    : {
        NodeNames: [],
        FailedAndUnresolvableNodes: Object.fromEntries(
          nodeNames.map((name) => [name, answer.message]),
        ),
      }

const mapOf = (value: unknown, why: string): Readonly<Record<string, unknown>> => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>
  }
  throw unreadable(why)
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const isListOfTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

const unreadable = (why: string): QuestionError =>
  new QuestionError(`Cannot read the question of the scheduler: ${why}`)
