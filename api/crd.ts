/**
 * Makes the CustomResourceDefinition of a kind from its declaration.
 *
 * @module
 */
import type { TSchema } from 'typebox'
import type { AnyResource } from './resource.ts'

/** A structural schema: what a CustomResourceDefinition may say about a value. */
export interface StructuralSchema {
  readonly type?: string
  readonly description?: string
  readonly format?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, StructuralSchema>>
  readonly additionalProperties?: StructuralSchema
  readonly items?: StructuralSchema
  readonly [keyword: string]: unknown
}

const kept = new Set([
  'type',
  'description',
  'default',
  'enum',
  'format',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
])

const mapValues = <A, B>(object: Readonly<Record<string, A>>, change: (value: A) => B) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))

const keyword = (schema: StructuralSchema, key: string): unknown => {
  switch (key) {
    case 'required':
      return requiredOf(schema)
    case 'properties':
      return mapValues(schema.properties ?? {}, structural)
    case 'items':
    case 'additionalProperties':
      return structural(schema[key] ?? {})
    default:
      if (kept.has(key)) return schema[key]
      throw new Error(`Cannot say "${key}" in a CustomResourceDefinition`)
  }
}

// The API server fills defaults in before it looks for what is missing, but clients that check
// against the published schema (kubectl's server-side apply, editors) would ask for them.
const requiredOf = ({ required = [], properties = {} }: StructuralSchema) => {
  const demanded = required.filter((name) => !('default' in (properties[name] ?? {})))
  return demanded.length > 0 ? demanded : undefined
}

/**
 * A schema in the words of a CustomResourceDefinition: a property with a default is not required.
 * Throws on a keyword that the API server would refuse.
 */
export const structural = (schema: TSchema): StructuralSchema => {
  const source: StructuralSchema = { ...schema }
  const entries = Object.keys(source).map((key) => [key, keyword(source, key)] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

const object = ({ description, spec, status }: AnyResource): StructuralSchema =>
  structural({
    type: 'object',
    description,
    required: ['spec'],
    properties: {
      apiVersion: {
        type: 'string',
        description: 'Group and version that the object is written in.',
      },
      kind: { type: 'string', description: 'Kind of the object.' },
      metadata: { type: 'object' },
      spec: { description: 'What is asked for.', ...spec },
      status: { description: 'How things stand.', ...status },
    },
  })

const version = (resource: AnyResource, name: string) => ({
  name,
  served: resource.versions.includes(name),
  storage: name === resource.version,
  subresources: { status: {} },
  ...(resource.columns.length > 0 && {
    additionalPrinterColumns: resource.columns.map((column) => ({
      name: column.name,
      type: column.type ?? 'string',
      jsonPath: column.jsonPath,
      ...(column.wide && { priority: 1 }),
    })),
  }),
  schema: { openAPIV3Schema: object(resource) },
})

/** The CustomResourceDefinition of a kind, as it is applied. */
export const crdOf = (resource: AnyResource) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: `${resource.plural}.${resource.group}`,
    labels: {
      'app.kubernetes.io/part-of': 'keptn',
      // KeptnConfig's group is another, but Keptn files it with the lifecycle kinds.
      crdGroup: resource.group === 'options.keptn.sh' ? 'lifecycle.keptn.sh' : resource.group,
      'keptn.sh/inject-cert': 'true',
    },
    // Without it, removing a release would delete every object of this kind.
    annotations: { 'helm.sh/resource-policy': 'keep' },
  },
  spec: {
    group: resource.group,
    names: {
      kind: resource.kind,
      listKind: `${resource.kind}List`,
      plural: resource.plural,
      singular: resource.singular,
      ...(resource.shortNames.length > 0 && { shortNames: resource.shortNames }),
    },
    scope: 'Namespaced',
    // Where Keptn was before us, its conversion webhook is still named; nothing answers there.
    conversion: { strategy: 'None', webhook: null },
    versions: [...resource.versions, ...resource.unserved].map((name) => version(resource, name)),
  },
})
