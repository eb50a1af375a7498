import { describe, expect, test } from '@jest/globals'
import { Type } from 'typebox'
import { crdOf, structural, type StructuralSchema } from '../../../api/crd.ts'
import { resources } from '../../../api/index.ts'
import { withDefault } from '../../../api/schema.ts'
import { staleFiles } from '../../../manifests/generate.ts'

type Check = (schema: StructuralSchema, path: string) => boolean

const wrong: Readonly<Record<string, Check>> = {
  'has no type': ({ type, ...keywords }) =>
    type === undefined &&
    keywords['x-kubernetes-preserve-unknown-fields'] !== true &&
    keywords['x-kubernetes-int-or-string'] !== true,
  'has both properties and additionalProperties': ({ properties, additionalProperties }) =>
    properties !== undefined && additionalProperties !== undefined,
  'would lose everything in it': ({ type, properties, additionalProperties }, path) =>
    type === 'object' && !properties && !additionalProperties && path !== '.metadata',
  'is a list of anything': ({ type, items }) => type === 'array' && items === undefined,
  'demands what has a default': ({ required = [], properties }) =>
    required.some((name) => properties?.[name]?.default !== undefined),
  'demands what it does not know': ({ required = [], properties }) =>
    required.some((name) => properties?.[name] === undefined),
  'has an optional list key': ({ items, 'x-kubernetes-list-map-keys': keys }) =>
    Array.isArray(keys) && keys.some((key: string) => !items?.required?.includes(key)),
}

const childrenOf = ({ properties, items, additionalProperties }: StructuralSchema) =>
  Object.entries({
    ...properties,
    ...(items && { '[]': items }),
    ...(additionalProperties && { '*': additionalProperties }),
  })

/** What keeps a schema from being structural, by the path at which it does. */
const problems = (schema: StructuralSchema, path: string): readonly string[] => [
  ...Object.keys(wrong)
    .filter((name) => wrong[name]?.(schema, path))
    .map((name) => `${path} ${name}`),
  ...childrenOf(schema).flatMap(([name, child]) => problems(child, `${path}.${name}`)),
]

/** Fields that say nothing of themselves in `kubectl explain`. */
const undescribed = (schema: StructuralSchema, path: string): readonly string[] => {
  const properties = Object.entries(schema.properties ?? {}).filter(([name]) => name !== 'metadata')
  const silent = properties.filter(([, child]) => child.description === undefined)
  return [
    ...silent.map(([name]) => `${path}.${name}`),
    ...properties.flatMap(([name, child]) => undescribed(child, `${path}.${name}`)),
    ...(schema.items ? undescribed(schema.items, `${path}[]`) : []),
  ]
}

describe.each(resources.map((resource) => [resource.kind, crdOf(resource)] as const))(
  'The CRD of %s',
  (_kind, crd) => {
    const [schema = {}, ...others] = crd.spec.versions.map(
      (version) => version.schema.openAPIV3Schema,
    )

    test('is structural', () => {
      expect(problems(schema, '')).toEqual([])
    })

    test('describes every field but metadata', () => {
      expect(undescribed({ properties: { spec: schema.properties?.['spec'] ?? {} } }, '')).toEqual(
        [],
      )
    })

    test('has the same schema in every version', () => {
      for (const other of others) expect(other).toEqual(schema)
    })

    test('stores one version, which is served', () => {
      expect(crd.spec.versions.filter(({ storage }) => storage)).toMatchObject([{ served: true }])
    })
  },
)

test.each([
  ['a literal', Type.Literal('a')],
  ['a union', Type.Union([Type.String(), Type.Number()])],
  ['a record', Type.Record(Type.String(), Type.String())],
  ['an exclusive bound', Type.Integer({ exclusiveMinimum: 0 })],
])('%s is not made into a CRD', (_what, schema) => {
  expect(() => structural(Type.Object({ field: schema }))).toThrow('Cannot say')
})

test('a field with a default is not required, its neighbours still are', () => {
  const schema = Type.Object({ size: withDefault(Type.Integer(), 3), name: Type.String() })
  expect(structural(schema)).toEqual({
    type: 'object',
    required: ['name'],
    properties: { size: { type: 'integer', default: 3 }, name: { type: 'string' } },
  })
})

test('the generated files are those in the checkout', async () => {
  expect(await staleFiles()).toEqual([])
})
