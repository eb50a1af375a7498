import { Type } from 'typebox'
import { conditions } from './condition.ts'
import type { Container } from './kubernetes.ts'
import { age, defineResource, type ResourceOf } from './resource.ts'
import {
  duration,
  preserveUnknown,
  stringMap,
  strings,
  withDefault,
  withRules,
  type Read,
} from './schema.ts'

/** Names and values for a task that anyone may read. */
export const taskParameters = Type.Object(
  { map: Type.Optional(stringMap('Names and values, given to the task as JSON.')) },
  { description: 'Input that is not secret.' },
)

/** Input for a task that nobody should read. */
export const secureParameters = Type.Object(
  {
    secret: Type.Optional(
      Type.String({ description: 'Name of a Secret; the task gets its key `SECURE_DATA`.' }),
    ),
  },
  { description: 'Input that is secret.' },
)

const runtime = (language: string) =>
  Type.Object(
    {
      inline: Type.Optional(
        Type.Object(
          { code: Type.Optional(Type.String({ description: 'The code itself.' })) },
          { description: 'Code that is written here.' },
        ),
      ),
      httpRef: Type.Optional(
        Type.Object(
          {
            url: Type.Optional(Type.String({ description: 'Where to fetch the code.' })),
            sha256: Type.Optional(
              Type.String({
                pattern: '^[0-9a-fA-F]{64}$',
                description:
                  'SHA-256 of the code, in 64 hexadecimal digits. Other code is not run. What the code itself loads is not covered.',
              }),
            ),
          },
          { description: 'Code that is fetched when the task starts, and may be 1 MiB at most.' },
        ),
      ),
      configMapRef: Type.Optional(
        Type.Object(
          {
            name: Type.Optional(
              Type.String({ description: 'Name of a ConfigMap that holds the code under `code`.' }),
            ),
          },
          { description: 'Code in a ConfigMap of the same namespace.' },
        ),
      ),
      functionRef: Type.Optional(
        Type.Object(
          { name: Type.Optional(Type.String({ description: 'Name of a KeptnTaskDefinition.' })) },
          { description: "Another definition's code, run with the parameters given here." },
        ),
      ),
      parameters: Type.Optional(taskParameters),
      secureParameters: Type.Optional(secureParameters),
      cmdParameters: Type.Optional(
        Type.String({
          description:
            'The variable `CMD_ARGS`, which a Deno script may not read. Python takes its words as arguments of its own, before the script.',
        }),
      ),
    },
    { description: `The task is a script for ${language}.` },
  )

const deno = runtime('Deno, in TypeScript or JavaScript')
/** Where a script comes from and what it is given. */
export type RuntimeSpec = Read<typeof deno>

const runners = '[has(self.container), has(self.python), has(self.deno), has(self.function)]'

/** A task that can be run before or after a deployment. */
export const KeptnTaskDefinition = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  unserved: ['v1alpha2', 'v1alpha1'],
  kind: 'KeptnTaskDefinition',
  plural: 'keptntaskdefinitions',
  description: 'A task that can be run before or after a deployment: a script or a container.',
  columns: [
    age,
    { name: 'Stalled', jsonPath: '.status.conditions[?(@.type=="Stalled")].status', wide: true },
  ],
  spec: withRules(
    Type.Object({
      deno: Type.Optional(deno),
      python: Type.Optional(runtime('Python')),
      container: Type.Optional(
        preserveUnknown<Container>(
          { name: Type.String({ description: 'Name of the container.' }) },
          { description: 'The task is a container, written as in a pod.' },
        ),
      ),
      function: Type.Optional(runtime('Deno. The old name of `deno`, with the same meaning')),
      dependsOn: Type.Optional(
        strings(
          'Names of other KeptnTaskDefinitions in the same list of checks: the task is made once those have succeeded, and is told their results.',
          { maxItems: 16, 'x-kubernetes-list-type': 'set' },
        ),
      ),
      retries: withDefault(
        Type.Integer({
          format: 'int32',
          minimum: 0,
          description: 'How often a failed run is tried again.',
        }),
        10,
      ),
      timeout: withDefault(duration('How long all tries together may take.'), '5m'),
      ttlSecondsAfterFinished: withDefault(
        Type.Integer({
          format: 'int32',
          minimum: 0,
          description: 'How long the Job of an ended task stays, in seconds.',
        }),
        300,
      ),
      serviceAccount: Type.Optional(
        Type.Object(
          { name: Type.String({ description: 'Name of the ServiceAccount.' }) },
          { description: 'What the pod of the task runs as.' },
        ),
      ),
      automountServiceAccountToken: Type.Optional(
        Type.Object(
          { type: Type.Boolean({ description: 'Whether the token is mounted.' }) },
          { description: 'Whether the pod of the task can talk to the API server.' },
        ),
      ),
      imagePullSecrets: Type.Optional(
        Type.Array(
          Type.Object(
            { name: withDefault(Type.String({ description: 'Name of the Secret.' }), '') },
            { 'x-kubernetes-map-type': 'atomic' },
          ),
          { description: 'Secrets for pulling the image of the task.' },
        ),
      ),
    }),
    [
      {
        rule: `${runners}.exists(present, present)`,
        message: 'Forbidden! Either Container, Python, or Deno field must be defined',
      },
      {
        rule: `${runners}.filter(present, present).size() < 2`,
        message: 'Forbidden! Only one of Container, Python, or Deno field can be defined',
      },
    ],
  ),
  status: Type.Object({
    function: Type.Optional(
      Type.Object(
        {
          configMap: Type.Optional(
            Type.String({ description: 'Name of the ConfigMap that holds the code.' }),
          ),
        },
        { description: 'Where the code of the script is kept.' },
      ),
    ),
    conditions: Type.Optional(conditions),
  }),
})
export type KeptnTaskDefinition = ResourceOf<typeof KeptnTaskDefinition>
