/**
 * Dynatrace, by its Metrics API v2.
 * https://docs.dynatrace.com/docs/dynatrace-api/environment-api/metric-v2/get-data-points
 *
 * @module
 */
import { Type, type Static } from 'typebox'
import type { Reply } from '../fetch.ts'
import {
  mostSamples,
  ProviderError,
  tooManyNumbers,
  type MetricRequest,
  type Sample,
} from '../source.ts'
import type { OpenSource, SourceAccess } from './access.ts'
import {
  explanationOf,
  isSuccess,
  jsonOf,
  refusedFor,
  refusedWith,
  shape,
  unlike,
} from './reply.ts'

/**
 * Opens a Dynatrace. Its token is the entry of the Secret that the provider names.
 *
 * A query may have other parameters of the API after its selector, as in Keptn: `builtin:host.cpu.usage&entitySelector=…`.
 * Its numbers are those of all of its series.
 */
export const dynatrace: OpenSource = (access) => ({
  query: async (request, signal) => {
    const token = tokenOf(access)
    // Keptn's rule: what does not end with it has it added.
    const prefix = access.url('').pathname.replace(/\/+$/, '').endsWith('api') ? '' : '/api'
    const url = access.url(`${prefix}/v2/metrics/query`)
    url.search = parametersOf(request).toString()
    const headers = { accept: 'application/json', authorization: `Api-Token ${token}` }
    return samplesOf(await access.fetch({ method: 'GET', url, headers }, signal), request, access)
  },
})

const tokenOf = ({ secret, secretKey }: SourceAccess): string => {
  if (secret === undefined || secretKey.trim() === '') {
    throw new ProviderError(
      'Cannot ask Dynatrace without a token: name the Secret and its entry in spec.secretKeyRef of the provider',
    )
  }
  const token = secret.get(secretKey).trim()
  if (token !== '') return token
  throw new ProviderError(`Cannot read Secret "${secret.of}": key "${secretKey}" is empty`)
}

/** Where a parameter of the API begins in a query; another `&` is part of a selector. */
const parameterStart = /&(?=(?:resolution|from|to|entitySelector|mzSelector)=)/

const parametersOf = ({ query, at, range }: MetricRequest): URLSearchParams => {
  const [selector = '', ...others] = query.split(parameterStart)
  const parameters = new URLSearchParams({ metricSelector: selector })
  for (const other of others) {
    const end = other.indexOf('=')
    parameters.set(other.slice(0, end), other.slice(end + 1))
  }
  if (range === undefined) return parameters
  const { from, to, stepMs } = range
  if (to.getTime() === at.getTime()) {
    parameters.set('from', `now-${spanOf(to.getTime() - from.getTime())}`)
    parameters.delete('to')
  } else {
    parameters.set('from', String(from.getTime()))
    parameters.set('to', String(to.getTime()))
  }
  if (stepMs !== undefined) parameters.set('resolution', spanOf(stepMs))
  return parameters
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const

/** A span of time in one unit, as the API takes it. */
const spanOf = (ms: number): string => {
  const [unit, size] = units.find(([, size]) => ms % size === 0) ?? ['s', 1000]
  return `${Math.ceil(ms / size)}${unit}`
}

const data = Type.Object({
  result: Type.Array(
    Type.Object({
      data: Type.Array(
        Type.Object({
          timestamps: Type.Optional(Type.Array(Type.Number())),
          values: Type.Array(Type.Union([Type.Number(), Type.Null()])),
        }),
      ),
    }),
  ),
})
const isData = shape(data)
const failure = Type.Object({ error: Type.Object({ message: Type.String({ minLength: 1 }) }) })
const isFailure = shape(failure)

const samplesOf = (
  reply: Reply,
  { at }: MetricRequest,
  { quote }: SourceAccess,
): readonly Sample[] => {
  const { status } = reply
  const json = isSuccess(status) ? jsonOf(reply) : explanationOf(reply)
  if (isFailure(json)) throw refusedFor(quote(json.error.message), status)
  if (!isSuccess(status)) throw refusedWith(status)
  if (!isData(json)) throw unlike('Dynatrace Metrics API', status)
  return numbersIn(json, at)
}

const numbersIn = ({ result }: Static<typeof data>, at: Date): readonly Sample[] => {
  const series = result.flatMap((metric) => metric.data)
  const count = series.reduce((total, { values }) => total + values.length, 0)
  if (count > mostSamples) throw tooManyNumbers()
  return series.flatMap(({ timestamps, values }) =>
    values.flatMap((value, index) => {
      const time = timestamps?.[index]
      const sample = { series: 'all', at: time === undefined ? at : new Date(time) }
      return value === null ? [] : [{ ...sample, value }]
    }),
  )
}
