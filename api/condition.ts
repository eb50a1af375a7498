/**
 * Conditions as Kubernetes' API conventions define them: one per type, with a reason for programs and a message for people.
 * https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties
 *
 * @module
 */
import { Type, type Static } from 'typebox'
import { oneOf } from './schema.ts'

/** One condition in a status. */
export const condition = Type.Object({
  type: Type.String({ minLength: 1, maxLength: 316, description: 'What the condition is about.' }),
  status: oneOf(['True', 'False', 'Unknown'], { description: 'Whether it holds.' }),
  reason: Type.String({ minLength: 1, maxLength: 1024, description: 'One word, for programs.' }),
  message: Type.String({ maxLength: 32768, description: 'A sentence, for people.' }),
  lastTransitionTime: Type.String({
    format: 'date-time',
    description: 'When the status last changed.',
  }),
  observedGeneration: Type.Optional(
    Type.Integer({ minimum: 0, description: 'The generation it was decided on.' }),
  ),
})
export type Condition = Static<typeof condition>

/** The list of conditions, one per type. */
export const conditions = Type.Array(condition, {
  description: 'What holds for this object now, one entry per type.',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
})

/** Types that our kinds use. */
export const conditionTypes = {
  /** On a KeptnWorkloadVersion: the verdict. `True` opens the gates of its revisions and never goes back. */
  preDeploymentPassed: 'PreDeploymentPassed',
  /** The object has come to its good end. `False`: it never will; `Unknown`: it is on its way. */
  ready: 'Ready',
  /** `True`: nothing will happen until a person changes what the message says. */
  stalled: 'Stalled',
  /** `True`: the message names checks that were added when it was too late to run them. */
  checksAddedTooLate: 'ChecksAddedTooLate',
  /** `True`: what people have asked of the version is not carried out, since nothing keeps others from asking in their name. */
  actionsUnguarded: 'ActionsUnguarded',
  /** On a KeptnTask: `True`: what it has left as its result is none, and the message says why. */
  resultUnusable: 'ResultUnusable',
} as const
