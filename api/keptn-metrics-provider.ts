import { Type } from 'typebox'
import { defineResource, type ResourceOf } from './resource.ts'
import { withDefault } from './schema.ts'

/** An entry of a Secret, as pods name it too. */
export const secretKeyRef = Type.Object(
  {
    name: Type.Optional(
      Type.String({ description: 'Name of a Secret in the namespace of the provider.' }),
    ),
    key: Type.String({ description: 'Which entry of the Secret to use.' }),
    optional: Type.Optional(Type.Boolean({ description: 'Not used.' })),
  },
  { description: 'How to log in.', 'x-kubernetes-map-type': 'atomic' },
)

/** A source of metrics. */
export const KeptnMetricsProvider = defineResource({
  group: 'metrics.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  unserved: ['v1alpha2'],
  kind: 'KeptnMetricsProvider',
  plural: 'keptnmetricsproviders',
  shortNames: ['kmp'],
  description: 'A source of metrics: where it is and how to log in.',
  spec: Type.Object({
    type: Type.Optional(
      Type.String({
        pattern: 'cortex|datadog|dql|dynatrace|prometheus|elastic|thanos',
        description:
          'What it is: `prometheus`, `thanos`, `cortex`, `dynatrace`, `dql`, `datadog` or `elastic`.',
      }),
    ),
    targetServer: Type.String({ description: 'Its URL, with scheme and port.' }),
    secretKeyRef: Type.Optional(secretKeyRef),
    insecureSkipTlsVerify: withDefault(
      Type.Boolean({ description: 'Whether to take any certificate that the server shows.' }),
      false,
    ),
  }),
  status: Type.String({ description: 'Not used.' }),
})
export type KeptnMetricsProvider = ResourceOf<typeof KeptnMetricsProvider>
