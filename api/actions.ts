/**
 * What people ask of a version besides what its checks say, and what became of it.
 *
 * An entry of `spec.actions` is written by whoever asks, who needs the verb of its type on the kind of the version; a policy
 * sees to it (`manifests/chart/templates/policies/guard.yaml`). The engine carries each out once, or refuses it, and
 * records that in `status.actions`. Entries are never changed or taken away.
 *
 * @module
 */
import { Type } from 'typebox'
import { oneOf, time, type Read } from './schema.ts'

/** What can be asked, which is the verb that it takes, too. */
export const actionTypes = ['release', 'retry', 'skip', 'abort'] as const
export type ActionType = (typeof actionTypes)[number]

/** How many entries a version takes: each is looked at whenever one is added. */
export const mostActions = 32

const action = Type.Object(
  {
    id: Type.String({
      minLength: 1,
      maxLength: 63,
      description: 'What this entry is known by: any text that no other entry of the version has.',
    }),
    type: oneOf(actionTypes, {
      description:
        'What is asked: `release` lets its pods go whatever its checks before the deployment say, `skip` counts one check as passed, `retry` begins a failed version anew, `abort` ends it as failed.',
    }),
    // That of a service account alone may have 340 characters, and those of OpenID Connect any number.
    by: Type.String({
      minLength: 1,
      maxLength: 1024,
      description: 'Who asks: the name by which the API server knows the writer of this entry.',
    }),
    reason: Type.String({
      minLength: 1,
      maxLength: 512,
      description: 'Why, for those who look into it later.',
    }),
    check: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description:
          'For `skip`: the name of the KeptnTaskDefinition or KeptnEvaluationDefinition whose check is skipped.',
      }),
    ),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: "has(self.check) == (self.type == 'skip')",
        message:
          'check names what is skipped: it belongs to an action of type skip, and to no other',
      },
    ],
  },
)
export type VersionAction = Read<typeof action>

/** What people ask of a version. */
export const actions = Type.Optional(
  Type.Array(action, {
    maxItems: mostActions,
    description:
      'What people ask of this version, one entry each time. Entries are added, and never changed or taken away.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['id'],
  }),
)

const actionRecord = Type.Object({
  id: Type.String({ description: 'The entry of `spec.actions`.' }),
  type: oneOf(actionTypes, { description: 'What was asked.' }),
  by: Type.String({ description: 'Who asked.' }),
  outcome: oneOf(['CarriedOut', 'Refused'], { description: 'What became of it.' }),
  message: Type.String({ description: 'What was done and why, or why nothing was done.' }),
  time: time('When that was decided.'),
  attempt: Type.Integer({ minimum: 1, description: 'The attempt in which it was carried out.' }),
  check: Type.Optional(Type.String({ description: 'The definition whose check was skipped.' })),
  phase: Type.Optional(Type.String({ description: 'The phase in which it was skipped.' })),
})
export type ActionRecord = Read<typeof actionRecord>

/** What became of what people asked, in the order in which it was looked at. */
export const actionRecords = Type.Optional(
  Type.Array(actionRecord, {
    description: 'What became of the entries of `spec.actions`.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['id'],
  }),
)
