import type { StructuralSchema } from '../../../api/crd.ts'

const text = (schema: StructuralSchema, name: string): unknown => {
  if (Array.isArray(schema['enum'])) return schema['enum'].at(-1)
  if (schema.format === 'date-time') return '2026-01-02T03:04:05Z'
  if (schema.format === 'byte') return 'Z2F0ZQ=='
  if (name === 'type' && 'pattern' in schema) return 'prometheus'
  return 'pattern' in schema ? '7m' : `some ${name}`
}

const object = ({ properties, additionalProperties }: StructuralSchema): unknown =>
  Object.fromEntries(
    additionalProperties
      ? [['some.key/in-it', sampleOf(additionalProperties, 'value')]]
      : Object.entries(properties ?? {}).map(([name, child]) => [name, sampleOf(child, name)]),
  )

/** A value that has every field that the schema knows, none of them at its default. */
export const sampleOf = (schema: StructuralSchema, name: string): unknown => {
  if (schema.type === 'object') return object(schema)
  if (schema.items) return [sampleOf(schema.items, name)]
  if (schema.type === 'integer') return 7
  return schema.type === 'boolean' ? schema.default !== true : text(schema, name)
}
