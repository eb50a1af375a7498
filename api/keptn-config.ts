import { Type } from 'typebox'
import { age, defineResource, type ResourceOf } from './resource.ts'
import { duration, mapOf, oneOf, withDefault, type Read } from './schema.ts'

const quantities = (description: string) =>
  mapOf(Type.String({ pattern: '^[0-9]+([.][0-9]+)?([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$' }), {
    description: `${description} By resource, such as \`cpu\` and \`memory\`; quantities are texts.`,
  })

const ranges = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ pattern: '^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$', maxLength: 50 }), {
      maxItems: 50,
      description: `${description} Addresses, and ranges such as \`10.0.0.0/8\`.`,
    }),
  )

const taskPods = Type.Object(
  {
    readOnlyRootFilesystem: Type.Optional(
      Type.Boolean({
        description:
          'Whether the file system of scripts is read-only, but for an empty `/tmp`. Containers that a definition brings say so themselves.',
      }),
    ),
    defaultResources: Type.Optional(
      Type.Object(
        {
          requests: Type.Optional(quantities('What is set aside for a task.')),
          limits: Type.Optional(quantities('What a task may use at most.')),
        },
        { description: 'For the containers of tasks that name neither requests nor limits.' },
      ),
    ),
    codeAddresses: Type.Optional(
      Type.Object(
        {
          allowed: ranges('Where code may come from although it is refused by default.'),
          refused: ranges('Where no code may come from, whatever is allowed.'),
        },
        {
          description:
            'Which addresses the code of an `httpRef` may come from. Loopback, link-local and metadata addresses and the Service of the Kubernetes API server are refused by default; the API server is always.',
        },
      ),
    ),
  },
  {
    description:
      'What pods of tasks are given besides what their definitions say. Nothing by default.',
  },
)
/** What pods of tasks are given besides what their definitions say. */
export type TaskPods = Read<typeof taskPods>

const cloudEvents = Type.Object(
  {
    mode: withDefault(
      oneOf(['binary', 'structured'], {
        description:
          'How an event is put into a request: `binary` in headers and body, `structured` in the body alone.',
      }),
      'binary',
    ),
    format: withDefault(
      oneOf(['keptn', 'cdevents'], {
        description:
          'What events say: `keptn` whatever is told as a Kubernetes Event, in the words that `eventNames` chooses; `cdevents` what CDEvents has words for.',
      }),
      'keptn',
    ),
    tokenSecretRef: Type.Optional(
      Type.Object(
        {
          name: Type.String({ description: 'Name of the Secret.' }),
          key: Type.String({ description: 'Key in the Secret.' }),
        },
        {
          description:
            'A token to send with each event (`Authorization: Bearer`), from a Secret in the namespace of Gatekept.',
        },
      ),
    ),
  },
  { description: 'How CloudEvents are sent to `cloudEventsEndpoint`.' },
)

const openTelemetry = Type.Object(
  {
    protocol: withDefault(
      oneOf(['grpc', 'http'], {
        description:
          'What the collector speaks: OTLP over gRPC, or over HTTP with protobuf. Where the URL has no path, `http` means `/v1/traces`.',
      }),
      'grpc',
    ),
    tls: Type.Optional(
      Type.Object(
        {
          caSecretRef: Type.Optional(
            Type.Object(
              {
                name: Type.String({ description: 'Name of the Secret.' }),
                key: Type.String({ description: 'Key in the Secret.' }),
              },
              {
                description:
                  'Certificates (PEM) of the authorities to trust, from a Secret in the namespace of Gatekept. Where it is missing, those that are commonly trusted are.',
              },
            ),
          ),
        },
        {
          description:
            'Whether connections are encrypted: they are where this is set, even to `{}`, or where the URL begins with `https://`.',
        },
      ),
    ),
    headersSecretRef: Type.Optional(
      Type.Object(
        { name: Type.String({ description: 'Name of the Secret.' }) },
        {
          description:
            'Headers to send with each request, from a Secret in the namespace of Gatekept: its keys are their names.',
        },
      ),
    ),
  },
  { description: 'How spans are sent to `OTelCollectorUrl`.' },
)

const secretKey = (description: string) =>
  Type.Optional(
    Type.Object(
      {
        name: Type.String({ description: 'Name of the Secret.' }),
        key: Type.String({ description: 'Key in the Secret.' }),
      },
      { description: `${description} From a Secret in the namespace of Gatekept.` },
    ),
  )

const named = (description: string) =>
  Type.Optional(Type.Array(Type.String({ maxLength: 253 }), { maxItems: 100, description }))

const notification = Type.Object(
  {
    name: Type.String({
      pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
      description: 'What the receiver is called where something is said about it.',
    }),
    type: oneOf(['slack', 'teams', 'webhook'], {
      description:
        'What it takes: `slack` and `teams` are incoming webhooks of Slack and of Microsoft Teams (Workflows), `webhook` is anything that takes JSON.',
    }),
    url: Type.Optional(
      Type.String({ description: 'Where to post, for `webhook`, if everybody may know it.' }),
    ),
    urlSecretRef: secretKey('Where to post.'),
    tokenSecretRef: secretKey('A token to send (`Authorization: Bearer`).'),
    filter: Type.Optional(
      Type.Object(
        {
          namespaces: named('Namespaces; `dev-*` is all that begin so.'),
          apps: named('Names of apps; `shop-*` is all that begin so.'),
          phases: named('Short names of phases, such as `AppPreDeployTasks` or `Completed`.'),
          outcomes: Type.Optional(
            Type.Array(oneOf(['Started', 'Succeeded', 'Failed', 'Warning', 'Note'], {}), {
              description:
                'What has come of a phase; `Warning` and `Note` are whatever else is told.',
            }),
          ),
          kinds: named('Kinds of what it is about: `KeptnAppVersion` and `KeptnWorkloadVersion`.'),
        },
        {
          description:
            'What it is told. Without phases and outcomes: the good end of each app version, and what fails or waits for somebody.',
        },
      ),
    ),
    template: Type.Optional(
      Type.String({
        maxLength: 2_000,
        description: 'The text, such as `{{mark}} {{appName}} {{appVersion}}: {{message}}`.',
      }),
    ),
  },
  {
    description: 'Somebody who is notified.',
    'x-kubernetes-validations': [
      {
        rule: "has(self.urlSecretRef) != has(self.url) && (self.type == 'webhook' || has(self.urlSecretRef))",
        message:
          'needs `urlSecretRef`, since who knows the URL may post there; a `webhook` may have `url` instead',
      },
    ],
  },
)

/** Settings that can change while everything runs. */
export const KeptnConfig = defineResource({
  group: 'options.keptn.sh',
  versions: ['v1alpha1'],
  storage: 'v1alpha1',
  kind: 'KeptnConfig',
  plural: 'keptnconfigs',
  description: 'Settings that can change while everything runs. One per cluster.',
  columns: [age, { name: 'Status', jsonPath: '.status', wide: true }],
  spec: withDefault(
    Type.Object({
      OTelCollectorUrl: Type.Optional(
        Type.String({
          description:
            'Where to send spans: host and port of an OpenTelemetry collector, or its URL. Without it there are none.',
        }),
      ),
      openTelemetry: Type.Optional(openTelemetry),
      keptnAppCreationRequestTimeoutSeconds: withDefault(
        Type.Integer({
          minimum: 0,
          description: 'The longest time to wait for more workloads of a new app, in seconds.',
        }),
        30,
      ),
      discoveryQuietSeconds: withDefault(
        Type.Integer({
          minimum: 0,
          description:
            'An app is made once no new workload has appeared for this long, in seconds.',
        }),
        5,
      ),
      cloudEventsEndpoint: Type.Optional(
        Type.String({ description: 'URL that CloudEvents are posted to.' }),
      ),
      cloudEvents: Type.Optional(cloudEvents),
      notifications: Type.Optional(
        Type.Array(notification, {
          maxItems: 20,
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          description: 'Who is notified of what, at most once.',
        }),
      ),
      eventNames: withDefault(
        oneOf(['seeds', 'keptn'], {
          description:
            'How events are called: `seeds` as the guides name them, `keptn` as Keptn itself did.',
        }),
        'seeds',
      ),
      blockDeployment: withDefault(
        Type.Boolean({
          description: 'Whether a failed check holds a deployment back. If not, it is a warning.',
        }),
        true,
      ),
      observabilityTimeout: withDefault(
        duration('How long a rollout may take before it counts as failed.'),
        '5m',
      ),
      versionHistoryLimit: withDefault(
        Type.Integer({
          minimum: 2,
          description:
            'How many versions are kept of each workload and of each app. The oldest go first, with their tasks and evaluations; never the present one, the one before it, or one whose ReplicaSet or ControllerRevision exists.',
        }),
        10,
      ),
      taskPods: Type.Optional(taskPods),
      restApiEnabled: withDefault(Type.Boolean({ description: 'Not used.' }), false),
    }),
    {},
  ),
  status: Type.String({
    description:
      '`Applied`: these are the settings in force. `Ignored`: they are not, since only a KeptnConfig in the namespace of Gatekept counts, and of several the first by name.',
  }),
})
export type KeptnConfig = ResourceOf<typeof KeptnConfig>
