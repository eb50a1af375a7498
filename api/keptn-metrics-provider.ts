import { Type } from 'typebox'
import { defineResource, type ResourceOf } from './resource.ts'
import { oneOf, withDefault, withRules, type Read } from './schema.ts'

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

/** The ways to send an entry of a Secret. */
export const httpAuths = ['basic', 'bearer', 'header'] as const

// What a header's name may hold (RFC 9110).
const headerName = (description: string) =>
  Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", maxLength: 128, description })

/** Headers that tell where a request ends and whom it is for: nobody else may set them. */
export const ownHeaders: readonly string[] = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]
const noneOf = (field: string, names: readonly string[]): string =>
  `!(${field}.lowerAscii() in [${names.map((name) => `'${name}'`).join(', ')}])`

const header = withRules(
  Type.Object({
    name: headerName('Its name.'),
    value: Type.String({
      pattern: '^[ -~]*$',
      maxLength: 4096,
      description: 'Its value; placeholders are filled in.',
    }),
  }),
  [
    {
      rule: noneOf('self.name', ownHeaders),
      message: 'this header belongs to the connection and cannot be set',
      fieldPath: '.name',
    },
    {
      rule: noneOf('self.name', ['authorization', 'proxy-authorization', 'cookie']),
      message: 'credentials belong into a Secret: use http.auth',
      fieldPath: '.name',
    },
  ],
)

const auth = withRules(
  Type.Object(
    {
      type: oneOf(httpAuths, {
        description:
          '`bearer`: the entry is sent as a bearer token. `header`: it is sent as the header that `header` names. `basic`: the entries `user` and `password` of the Secret are sent.',
      }),
      header: Type.Optional(headerName('The header that takes the entry, such as `X-Api-Key`.')),
    },
    { description: 'How to send what `secretKeyRef` names. Missing: it is not sent.' },
  ),
  [
    {
      rule: "has(self.header) == (self.type == 'header')",
      message: 'header is required when type is header, and means nothing otherwise',
      fieldPath: '.header',
    },
    {
      rule: `!has(self.header) || ${noneOf('self.header', ownHeaders)}`,
      message: 'this header belongs to the connection and cannot be set',
      fieldPath: '.header',
    },
  ],
)

/**
 * JSONPath (RFC 9535), but for what could make much of a small reply: no `..`, no lists of selectors, and filters that
 * compare one member with one literal.
 */
const literal = `('[^'\\\\]*'|-?[0-9]+([.][0-9]+)?|true|false)`
const member = '[.][A-Za-z_][A-Za-z0-9_]*'
const selector = `([*]|-?[0-9]{1,9}|'[^'\\\\]*'|"[^"\\\\]*"|[?]@(${member})+ ?(==|!=) ?${literal})`
/** Which JSONPaths may be asked for. */
export const valuePathPattern = `^[$]([.][*]|${member}|\\[${selector}\\])*$`

const placeholders =
  'Placeholders: `{{query}}`, `{{from}}` and `{{to}}` (RFC 3339), `{{step}}` (as `60s`), and of the last three `{{from.seconds}}`, `{{from.milliseconds}}` and so on.'

const http = withRules(
  Type.Object(
    {
      method: withDefault(oneOf(['GET', 'POST'], { description: 'How to ask.' }), 'GET'),
      path: withDefault(
        Type.String({
          pattern: '^(/[!"$-~]*)?$',
          maxLength: 2048,
          description: `Path and parameters, appended to \`targetServer\`. What is filled in is encoded for URLs. ${placeholders}`,
        }),
        '',
      ),
      headers: Type.Optional(
        Type.Array(header, {
          maxItems: 32,
          description: 'Headers to send.',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
        }),
      ),
      body: Type.Optional(
        Type.String({
          maxLength: 65_536,
          description:
            'What to send with `POST`. What is filled in is encoded as the header `Content-Type` says: for a JSON string (also without that header), for a form, or else not at all; a body that is `{{query}}` alone is the query as it is.',
        }),
      ),
      auth: Type.Optional(auth),
      valuePath: Type.Optional(
        Type.String({
          pattern: valuePathPattern,
          maxLength: 512,
          description:
            "Where the number is in the JSON of the reply, or the numbers for an aggregation: a JSONPath (RFC 9535) of names, indexes, `*` and filters such as `[?@.name=='up']`. Missing: each metric says it in `spec.path`.",
        }),
      ),
    },
    { description: 'How to ask, for the type `http`.' },
  ),
  [
    {
      rule: "!has(self.body) || self.method == 'POST'",
      message: 'body needs method POST',
      fieldPath: '.body',
    },
  ],
)
/** How a source of the type `http` is asked. */
export type HttpTemplate = Read<typeof http>

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
  spec: withRules(
    Type.Object({
      type: Type.Optional(
        Type.String({
          pattern: 'cortex|datadog|dql|dynatrace|prometheus|elastic|thanos|http',
          description:
            'What it is: `prometheus`, `thanos`, `cortex`, `dynatrace`, `dql`, `datadog`, `elastic`, or `http` for anything else that answers JSON.',
        }),
      ),
      targetServer: Type.String({ description: 'Its URL, with scheme and port.' }),
      secretKeyRef: Type.Optional(secretKeyRef),
      insecureSkipTlsVerify: withDefault(
        Type.Boolean({
          description:
            'Whether to take any certificate that the server shows. An administrator has to allow it (`ALLOW_INSECURE_TLS` of metrics-operator).',
        }),
        false,
      ),
      grantedNamespaces: Type.Optional(
        Type.Array(Type.String({ maxLength: 63 }), {
          maxItems: 1000,
          description:
            'Namespaces whose AnalysisValueTemplates may name this provider, and so ask with its Secret, besides those of its own namespace and of that of Gatekept. `*` is all.',
          'x-kubernetes-list-type': 'set',
        }),
      ),
      maxSampleAge: Type.Optional(
        Type.String({
          pattern: '^([0-9]+([.][0-9]+)?(ms|s|m|h))+$',
          description:
            'How much older than what was asked about (now, or the begin of a range) the newest number of a reply may be, as its time in the reply tells: a Go duration such as `10m`. Older ones are stale and never a value. Missing: times in replies are not looked at.',
        }),
      ),
      http: Type.Optional(http),
    }),
    [
      {
        rule: "!has(self.type) || self.type.lowerAscii() != 'http' || has(self.http)",
        message: 'http is required when type is http',
        reason: 'FieldValueRequired',
        fieldPath: '.http',
      },
      {
        rule: "!has(self.http) || (has(self.type) && self.type.lowerAscii() == 'http')",
        message: 'http is for providers of type http alone',
        fieldPath: '.http',
      },
      {
        rule: '!has(self.http) || !has(self.http.auth) || has(self.secretKeyRef)',
        message: 'secretKeyRef is required with http.auth: it names what to send',
        reason: 'FieldValueRequired',
        fieldPath: '.secretKeyRef',
      },
    ],
  ),
  status: Type.String({ description: 'Not used.' }),
})
export type KeptnMetricsProvider = ResourceOf<typeof KeptnMetricsProvider>
