import { structural, type StructuralSchema } from '../../../api/crd.ts'
import {
  Analysis,
  AnalysisDefinition,
  KeptnConfig,
  KeptnTaskDefinition,
} from '../../../api/index.ts'
import type { AnyResource } from '../../../api/resource.ts'

export type Json = Readonly<Record<string, unknown>>

const text = (schema: StructuralSchema, name: string): unknown => {
  if (Array.isArray(schema['enum'])) {
    // The one action that may have all fields of one.
    return schema['enum'].includes('skip') ? 'skip' : schema['enum'].at(-1)
  }
  if (schema.format === 'date-time') return `2026-01-02T0${name === 'to' ? 4 : 3}:04:05Z`
  if (schema.format === 'byte') return 'Z2F0ZQ=='
  // Its form is told by a rule, and no pattern.
  if (name === 'evaluationTarget') return '>=10 <20'
  return 'pattern' in schema ? (patterned[name] ?? '7m') : `some ${name}`
}

/** What fits the patterns of these fields, where a duration or a word does not. */
const patterned: Readonly<Record<string, string>> = {
  // The one type that may have all fields of a provider.
  type: 'http',
  path: '/a?b={{query}}',
  valuePath: '$.a[0]',
  sha256: '0123456789abcDEF'.repeat(4),
  allowed: '10.0.0.0/8',
  refused: '192.0.2.1',
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
  if (schema['x-kubernetes-int-or-string'] === true) return name === 'lowBound' ? 7 : '7500m'
  if (schema.type === 'integer') return name === 'passPercentage' ? 8 : 7
  if (schema.type === 'number') return 7.5
  return schema.type === 'boolean' ? schema.default !== true : text(schema, name)
}

/** Of what a task can run, one may be there. */
export const runners = ['deno', 'python', 'container', 'function'] as const

/** A whole object's worth of fields. */
export interface Sample {
  /** What tells it from the kind's other samples, in a name. */
  readonly variant: string
  readonly spec: Json
  readonly status: unknown
}

/** Objects of a kind that together have every field: one, or one for each of the fields that exclude each other. */
export const samplesOf = (type: AnyResource): readonly Sample[] => {
  const spec = sampleOf(structural(type.spec), 'spec') as Json
  const status = sampleOf(structural(type.status), 'status')
  const specs = variantsOf[type.kind]?.(spec) ?? { full: spec }
  return Object.entries(specs).map(([variant, varied]) => ({ variant, spec: varied, status }))
}

/** The specs that a kind's whole worth of fields is shared out to, where some of them exclude each other. */
const variantsOf: Readonly<Record<string, (spec: Json) => Readonly<Record<string, Json>>>> = {
  [KeptnTaskDefinition.kind]: (spec) =>
    Object.fromEntries(runners.map((runner) => [runner, without(spec, runner)])),
  [Analysis.kind]: ({ timeframe, windows, ...spec }) => {
    const { recent, ...span } = timeframe as Json
    return {
      span: { ...spec, timeframe: span },
      recent: { ...spec, timeframe: { recent } },
      windows: { ...spec, windows },
    }
  },
  [KeptnConfig.kind]: ({ notifications, ...spec }) => {
    const [{ url, urlSecretRef, ...rest } = {}] = notifications as readonly Json[]
    return {
      full: { ...spec, notifications: [{ ...rest, urlSecretRef }] },
      open: { ...spec, notifications: [{ ...rest, url }] },
    }
  },
  [AnalysisDefinition.kind]: (spec) => {
    const [objective] = spec['objectives'] as readonly Json[]
    const { failure } = (objective?.['target'] ?? {}) as Json
    const variants = Object.entries(failure as Json).map(([name, operand]) => {
      const target = { failure: { [name]: operand }, warning: { [name]: operand } }
      return [name.toLowerCase(), { ...spec, objectives: [{ ...objective, target }] }]
    })
    return Object.fromEntries(variants) as Record<string, Json>
  },
}

const without = (spec: Json, runner: string): Json =>
  Object.fromEntries(
    Object.entries(spec).filter(
      ([name]) => name === runner || !(runners as readonly string[]).includes(name),
    ),
  )

const isFree = (schema: StructuralSchema): boolean =>
  schema.type === 'string' &&
  !['enum', 'pattern', 'format', 'x-kubernetes-validations'].some((keyword) => keyword in schema)

const childOf = (schema: StructuralSchema, key: string): StructuralSchema =>
  schema.items ?? schema.additionalProperties ?? schema.properties?.[key] ?? {}

/** The value with one text in it made another; `undefined` when no text in it may be anything. */
export const withText = (schema: StructuralSchema, value: unknown, text: string): unknown => {
  if (typeof value !== 'object' || value === null) return isFree(schema) ? text : undefined
  for (const [key, child] of Object.entries(value)) {
    const changed = withText(childOf(schema, key), child, text)
    if (changed !== undefined) return Object.assign(structuredClone(value), { [key]: changed })
  }
  return undefined
}
