import { Type } from 'typebox'
import { checkLists, freeMetadata, onFailure, promotionTasks, spanLinks } from './checks.ts'
import { conditions } from './condition.ts'
import { defineResource, type ResourceOf } from './resource.ts'
import { withDefault } from './schema.ts'

/** The checks of the KeptnApp of the same name and namespace, and what travels with each of its versions. */
export const KeptnAppContext = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1', 'v1beta1'],
  storage: 'v1',
  kind: 'KeptnAppContext',
  plural: 'keptnappcontexts',
  description:
    'The checks of the KeptnApp of the same name and namespace, whether you wrote that app or it was made automatically. Read when a KeptnAppVersion is made: a change counts from the next one on.',
  spec: withDefault(
    Type.Object({ ...checkLists, promotionTasks, onFailure, metadata: freeMetadata, spanLinks }),
    {},
  ),
  status: Type.Object({
    status: Type.Optional(Type.String({ description: 'Not used.' })),
    conditions: Type.Optional(conditions),
  }),
})
export type KeptnAppContext = ResourceOf<typeof KeptnAppContext>
