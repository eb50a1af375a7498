/**
 * What a reply may come to, worked out a second time and in another way than the sources do it. It is asked only whether a
 * value is true: that a good reply gives one is told by the recorded replies.
 *
 * @module
 */

/** The numbers that a reply holds where the question points, in their order. */
export type Numbers = readonly number[]

type Json = Readonly<Record<string, unknown>>

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, name)
    ? (value as Json)[name]
    : undefined

const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

const isNumber = (value: unknown): value is number => typeof value === 'number'

const prometheus = (json: unknown): Numbers => {
  // A series without a sample says nothing.
  const series = items(member(member(json, 'data'), 'result')).filter(
    (one) => !Array.isArray(member(one, 'values')) || items(member(one, 'values')).length > 0,
  )
  if (member(json, 'status') !== 'success' || series.length !== 1) return []
  const isNote = (text: unknown): boolean => String(text).startsWith('PromQL ')
  if (!items(member(json, 'warnings')).every(isNote)) return []
  const [one] = series
  const points = Array.isArray(member(one, 'values'))
    ? items(member(one, 'values'))
    : [member(one, 'value')]
  return points.map((point) => {
    const text = items(point)[1]
    return typeof text === 'string' && text.trim() !== '' ? Number(text) : NaN
  })
}

const dynatrace = (json: unknown): Numbers =>
  items(member(json, 'result'))
    .flatMap((metric) => items(member(metric, 'data')))
    .flatMap((series) => items(member(series, 'values')))
    .filter(isNumber)

const datadog = (json: unknown): Numbers =>
  items(member(items(member(json, 'series'))[0], 'pointlist'))
    .map((point) => items(point)[1])
    .filter(isNumber)

const dql = (json: unknown): Numbers => {
  if (member(json, 'state') !== 'SUCCEEDED') return []
  const record = items(member(member(json, 'result'), 'records'))[0]
  const others = Object.values((record ?? {}) as Json).filter(
    (field) => Array.isArray(field) && field.every((item) => !isNumber(item) && item !== null),
  )
  const first = Object.values((record ?? {}) as Json).find(
    (field) => Array.isArray(field) && (field.length === 0 || !others.includes(field)),
  )
  return items(first).every((item) => Number.isFinite(item)) ? items(first).filter(isNumber) : []
}

/** Every number below the path, whether written with dots or in objects. */
const below = (json: unknown, path: string): Numbers => {
  const found: [string, number][] = []
  let level: readonly (readonly [name: string, value: unknown])[] = [['', json]]
  while (level.length > 0) {
    level = level.flatMap(([name, value]): [string, unknown][] => {
      if (isNumber(value)) found.push([name.slice(1), value])
      if (Array.isArray(value)) return value.map((item: unknown) => [name, item])
      if (typeof value !== 'object' || value === null) return []
      return Object.entries(value).map(([key, item]) => [`${name}.${key}`, item])
    })
  }
  const at = found.filter(([name]) => name === path)
  const within = found.filter(([name]) =>
    new RegExp(`(^|[.])${path.replaceAll('.', '[.]')}([.]|$)`).test(name),
  )
  return (at.length > 0 ? at : within).map(([, value]) => value)
}

const http = (json: unknown): Numbers =>
  items(member(member(json, 'data'), 'series'))
    .filter((series) => member(series, 'name') === 'latency')
    .flatMap((series) => {
      const points = member(series, 'points')
      return typeof points === 'object' && points !== null
        ? (Object.values(points) as unknown[])
        : []
    })
    .map((point: unknown) => member(point, 'value'))
    .filter((value) => value !== null && value !== undefined)
    .map((value) => (typeof value === 'string' && value.trim() === '' ? NaN : Number(value)))

const mean = (numbers: Numbers): number =>
  numbers.reduce((sum, number) => sum + number, 0) / numbers.length
const only = (numbers: Numbers): number => (numbers.length === 1 ? (numbers[0] ?? NaN) : NaN)

interface Oracle {
  readonly numbers: (json: unknown) => Numbers
  readonly one: (numbers: Numbers) => number
  /** How far what is written may be from it. */
  readonly error: (value: number) => number
}

const rounding = (value: number): number => 5.001e-7 + Math.abs(value) * 1e-15
const exactly = (): number => 0

const oracles: Readonly<Record<string, Oracle>> = {
  prometheus: { numbers: prometheus, one: (all) => all[0] ?? NaN, error: exactly },
  dynatrace: { numbers: dynatrace, one: mean, error: rounding },
  datadog: { numbers: datadog, one: mean, error: (value) => Math.abs(value) * 5.001e-5 },
  dql: { numbers: dql, one: (all) => all.at(-1) ?? NaN, error: rounding },
  elastic: { numbers: (json) => below(json, 'latency.value'), one: only, error: rounding },
  http: { numbers: http, one: only, error: exactly },
}

/** Whether a reply holds this value; with `max`, as the largest of its numbers. */
export const holds = (protocol: string, json: unknown, value: string, max: boolean): boolean => {
  const oracle = oracles[protocol]
  if (oracle === undefined || !/^-?\d/.test(value) || !Number.isFinite(Number(value))) return false
  const numbers = oracle.numbers(json)
  if (max) {
    const largest = Math.max(...numbers)
    return Math.abs(Number(value) - largest) <= rounding(largest)
  }
  const one = oracle.one(numbers)
  return Math.abs(Number(value) - one) <= oracle.error(one)
}
