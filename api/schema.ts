/**
 * The words that schemas are written in. TypeBox as it comes leaves what a CustomResourceDefinition may say: literals
 * become `const`, records `patternProperties`, enums have no `type`. What is built from these words and from
 * `Type.Object`, `Type.Array`, `Type.String`, `Type.Integer`, `Type.Number`, `Type.Boolean` and `Type.Optional` is
 * always a structural schema.
 *
 * @module
 */
import {
  Type,
  type Static,
  type TArray,
  type TObject,
  type TOptional,
  type TProperties,
  type TSchema,
  type TSchemaOptions,
  type TUnsafe,
} from 'typebox'

type DeepReadonly<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends readonly (infer Item)[]
      ? readonly DeepReadonly<Item>[]
      : { readonly [K in keyof T]: DeepReadonly<T[K]> }

/** What is read of a schema: readonly all the way down, and fields with a default are always there. */
export type Read<S extends TSchema> = DeepReadonly<Static<S>>

type MayBeLeftOut<P extends TProperties> = {
  [K in keyof P]: P[K] extends TOptional | Defaulted<TSchema> ? K : never
}[keyof P]

/** What has to be written for a schema: fields with a default may be left out. */
export type Written<S extends TSchema> =
  S extends TUnsafe<infer T>
    ? DeepReadonly<T>
    : S extends TObject<infer P>
      ? { readonly [K in MayBeLeftOut<P>]?: Written<P[K]> } & {
          readonly [K in Exclude<keyof P, MayBeLeftOut<P>>]: Written<P[K]>
        }
      : S extends TArray<infer Item>
        ? readonly Written<Item>[]
        : DeepReadonly<Static<S>>

/** A closed set of strings. */
export const oneOf = <const V extends string>(
  values: readonly V[],
  options: object = {},
): TUnsafe<V> => Type.Unsafe<V>({ type: 'string', enum: [...values], ...options })

/** A map with string keys. */
export const mapOf = <S extends TSchema>(
  item: S,
  options: object = {},
): TUnsafe<Record<string, Static<S>>> =>
  Type.Unsafe({ type: 'object', additionalProperties: item, ...options })

/** A map from strings to strings. */
export const stringMap = (description: string): TUnsafe<Record<string, string>> =>
  mapOf(Type.String(), { description })

/** A list of strings. */
export const strings = (description: string, options: object = {}) =>
  Type.Array(Type.String(), { description, ...options })

/** An instant. Writers that have none may send `null`: the API server drops it. */
export const time = (description: string) => Type.String({ format: 'date-time', description })

/** A span of time as Go writes it. The pattern is Keptn's, so it says "starts with 0, or ends with a duration". */
export const duration = (description: string) =>
  Type.String({
    pattern: '^0|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$',
    description: `${description} A Go duration: numbers with the units ns, us, ms, s, m or h, such as \`90s\` or \`1h30m\`.`,
  })

/**
 * A number as Kubernetes writes quantities: `600`, `"0.5"`, `500m`, `1k`, `1Mi`. Numbers with a fraction have to be texts:
 * a float would not be what was written.
 */
export const quantity = (description: string): TUnsafe<string | number> =>
  Type.Unsafe<string | number>({
    'x-kubernetes-int-or-string': true,
    pattern:
      '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$',
    maxLength: 64,
    description: `${description} A Kubernetes quantity: a whole number, or a text such as \`"0.5"\`, \`500m\`, \`1k\` or \`1Mi\`.`,
  })

/** A schema with a default, as `withDefault` makes it. */
export type Defaulted<S extends TSchema> = S & { readonly default: unknown }

/** Gives a schema a default: no reader ever sees the field missing, no writer has to send it. */
export const withDefault = <S extends TSchema>(schema: S, value: Written<S>): Defaulted<S> =>
  Type.With(schema, { default: value }) as unknown as Defaulted<S>

/**
 * An object that is kept as it was written, whatever is in it: for types of Kubernetes itself, which grow with every
 * release. `properties` are the few that are checked; `T` is how the code sees the whole.
 */
export const preserveUnknown = <T>(
  properties: TProperties,
  options: TSchemaOptions = {},
): TUnsafe<T> =>
  Type.Unsafe<T>({
    ...(Type.Object(properties, options) as object),
    'x-kubernetes-preserve-unknown-fields': true,
  })

/** Any JSON, kept as it was written. It may be an object, a list, a text, a number or a truth value. */
export const anyJson = (options: TSchemaOptions = {}): TUnsafe =>
  Type.Unsafe({ ...options, 'x-kubernetes-preserve-unknown-fields': true })

/** A rule over several fields, in CEL, and the sentence that a person reads when it is broken. */
export interface Rule {
  readonly rule: string
  readonly message: string
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired'
  /** The field to blame, as `.name`, if it is not the object itself. */
  readonly fieldPath?: string
}

/**
 * A string that stays what it was when the object was created: what others were made from, or are found by. The message says
 * what to do instead. Objects that are stored already never break such a rule.
 */
export const unchangeable = (description: string, message: string) =>
  Type.String({
    description,
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message }] satisfies Rule[],
  })

/** An object whose fields have to fit together. */
export const withRules = <P extends TProperties>(
  object: TObject<P>,
  rules: readonly Rule[],
): TObject<P> => Type.With(object, { 'x-kubernetes-validations': rules })
