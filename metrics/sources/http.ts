/**
 * Anything that answers HTTP requests with JSON: what is sent is a template, and the number is at a JSONPath (RFC 9535).
 *
 * @module
 */
import { lazyQuery, JSONPathError, type JSONValue } from 'json-p3'
import { ownHeaders, valuePathPattern, type HttpTemplate } from '../../api/index.ts'
import type { FetchRequest } from '../fetch.ts'
import {
  mostSamples,
  ProviderError,
  tooManyNumbers,
  type MetricRequest,
  type Sample,
} from '../source.ts'
import { basic, type OpenSource, type SourceAccess } from './access.ts'
import { isSuccess, jsonOf, refusedWith } from './reply.ts'

/** What a query without a range is about. */
const lookBackMs = 5 * 60_000

/** Opens whatever the provider's template describes. */
export const http: OpenSource = (access) => ({
  query: async (request, signal) => {
    const { template } = access
    if (template === undefined) {
      throw new ProviderError('Cannot tell how to ask: set spec.http of the provider')
    }
    const path = pathOf(template, request)
    const reply = await access.fetch(callOf(template, request, access), signal)
    if (!isSuccess(reply.status)) throw refusedWith(reply.status)
    return numbersAt(path, jsonOf(reply) as JSONValue, request.at)
  },
})

const allowedPath = new RegExp(valuePathPattern)

const pathOf = ({ valuePath }: HttpTemplate, request: MetricRequest): string => {
  const path = valuePath ?? request.path
  if (path === undefined) {
    throw new ProviderError(
      'Cannot tell which number of the reply is meant: set spec.http.valuePath of the provider or spec.path of the metric',
    )
  }
  if (allowedPath.test(path)) return path
  throw new ProviderError(
    "Cannot read the path to the number: it must be a JSONPath of names, indexes, * and filters such as [?@.name=='up']",
  )
}

type Call = Omit<FetchRequest, 'insecureSkipTlsVerify' | 'leftMs'>

const callOf = (template: HttpTemplate, request: MetricRequest, access: SourceAccess): Call => {
  const values = valuesFor(request)
  const headers: Record<string, string> = { accept: 'application/json' }
  for (const { name, value } of template.headers ?? []) {
    if (ownHeaders.includes(name.toLowerCase())) throw notOurs(name)
    headers[name.toLowerCase()] = filled(value, values, inHeader(name))
  }
  Object.assign(headers, authorization(template, access))
  const { method, body } = template
  const call = { method, url: urlOf(template.path, values, access) }
  if (body === undefined) return { ...call, headers }
  headers['content-type'] ??= 'application/json'
  return { ...call, headers, body: bodyOf(body, headers['content-type'], values) }
}

const notOurs = (name: string): ProviderError =>
  new ProviderError(`Cannot send the header "${name}": it belongs to the connection`)

/** What placeholders stand for. */
const valuesFor = ({ query, at, range }: MetricRequest): ReadonlyMap<string, string> => {
  const { from, to, stepMs } = range ?? { from: new Date(at.getTime() - lookBackMs), to: at }
  const ms = {
    from: from.getTime(),
    to: to.getTime(),
    step: stepMs ?? to.getTime() - from.getTime(),
  }
  return new Map([
    ['query', query],
    ['from', rfc3339(from)],
    ['to', rfc3339(to)],
    ['step', `${ms.step / 1000}s`],
    ...Object.entries(ms).flatMap(([name, value]): [string, string][] => [
      [`${name}.seconds`, String(Math.floor(value / 1000))],
      [`${name}.milliseconds`, String(value)],
    ]),
  ])
}

const rfc3339 = (instant: Date): string => instant.toISOString().replace('.000Z', 'Z')

/** A template with its placeholders filled in. */
const filled = (
  template: string,
  values: ReadonlyMap<string, string>,
  encode: (value: string) => string,
): string =>
  template.replace(/\{\{ *([a-z.]+) *\}\}/g, (_whole, name: string) => {
    const value = values.get(name)
    if (value !== undefined) return encode(value)
    throw new ProviderError(
      `Cannot fill in {{${name}}}: there are ${[...values.keys()].map((one) => `{{${one}}}`).join(', ')}`,
    )
  })

const urlOf = (
  template: string,
  values: ReadonlyMap<string, string>,
  access: SourceAccess,
): URL => {
  const end = template.indexOf('?')
  const path = filled(end < 0 ? template : template.slice(0, end), values, encodeURIComponent)
  // Dots are not encoded, and would lead out of the place that the template names.
  if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(path)) {
    throw new ProviderError('Cannot put the query into the path: it would lead to another one')
  }
  const url = access.url(path)
  if (end >= 0) url.search = filled(template.slice(end + 1), values, encodeURIComponent)
  return url
}

/** What a header may hold: a line break would begin another one. */
const headerText = /^[ -~]*$/

const inHeader =
  (name: string) =>
  (value: string): string => {
    if (headerText.test(value)) return value
    throw new ProviderError(
      `Cannot put the query into the header "${name}": it has characters that a header must not have`,
    )
  }

const bodyOf = (
  template: string,
  contentType: string,
  values: ReadonlyMap<string, string>,
): string => {
  // A query that is a whole document itself is in nobody's string.
  if (template.trim() === '{{query}}') return values.get('query') ?? ''
  return filled(template, values, encodingFor(contentType))
}

const encodingFor = (contentType: string): ((value: string) => string) => {
  if (/\bjson\b/i.test(contentType)) return (value) => JSON.stringify(value).slice(1, -1)
  if (/\bx-www-form-urlencoded\b/i.test(contentType)) return encodeURIComponent
  return (value) => value
}

const authorization = (
  { auth }: HttpTemplate,
  { secret, secretKey }: SourceAccess,
): Record<string, string> => {
  if (auth === undefined) return {}
  if (secret === undefined) {
    throw new ProviderError('Cannot log in: name a Secret in spec.secretKeyRef of the provider')
  }
  const { type, header = '' } = auth
  if (ownHeaders.includes(header.toLowerCase())) throw notOurs(header)
  if (type === 'basic') return basic(secret.get('user'), secret.get('password'))
  const value = secret.get(secretKey).trim()
  if (value === '' || !headerText.test(value)) {
    throw new ProviderError(
      `Cannot read Secret "${secret.of}": key "${secretKey}" is empty or has characters that a header must not have`,
    )
  }
  return type === 'bearer'
    ? { authorization: `Bearer ${value}` }
    : { [header.toLowerCase()]: value }
}

const numbersAt = (path: string, json: JSONValue, at: Date): readonly Sample[] =>
  valuesAt(path, json).flatMap((value) => {
    if (value === null) return []
    const number = typeof value === 'string' ? numberIn(value) : value
    if (typeof number === 'number') return [{ series: 'all', at, value: number }]
    throw new ProviderError('What the reply holds at the path to the number is not a number')
  })

const valuesAt = (path: string, json: JSONValue): readonly unknown[] => {
  refuseLarge(json)
  try {
    // One by one: the library's other way fails with lists that are longer than a call has arguments.
    const values: unknown[] = []
    for (const { value } of lazyQuery(path, json)) {
      if (values.push(value) > mostSamples) throw tooManyNumbers()
    }
    return values
  } catch (error) {
    if (!(error instanceof JSONPathError)) throw error
    throw new ProviderError(`Cannot read the path to the number: ${error.message}`)
  }
}

/** Far more than a reply that was meant for one number holds: a path may lead through all of it, more than once. */
const mostValues = 30_000

/** Refuses what would hold up everything else while the path is followed; without recursion, since it may be deep. */
const refuseLarge = (json: JSONValue): void => {
  const open: unknown[] = [json]
  let values = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== 'object' || next === null) continue
    values += Array.isArray(next) ? next.length : Object.keys(next).length
    // Before anything is made of them.
    if (values > mostValues) {
      throw new ProviderError(`The reply holds more than ${mostValues} values: ask for less`)
    }
    for (const one of Object.values(next)) open.push(one)
  }
}

const texts = new Map([
  ['NaN', NaN],
  ['Inf', Infinity],
  ['+Inf', Infinity],
  ['-Inf', -Infinity],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
])

const numberIn = (text: string): number | undefined =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : texts.get(text)
