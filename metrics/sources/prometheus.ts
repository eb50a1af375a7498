/**
 * Prometheus, and what speaks its HTTP API: Thanos, Cortex.
 * https://prometheus.io/docs/prometheus/latest/querying/api/
 *
 * @module
 */
import { Type, type Static } from 'typebox'
import type { Reply } from '../fetch.ts'
import { ProviderError, type MetricRequest, type Sample } from '../source.ts'
import { basic, type OpenSource, type SourceAccess } from './access.ts'
import { isSuccess, jsonOf, refusedFor, refusedWith, shape, unlike } from './reply.ts'

/**
 * Opens a Prometheus. With a Secret, its entries `user` and `password` are sent as Basic, or its entry `token` as Bearer.
 *
 * A query of a range without a step asks for one value at each end of the range.
 */
export const prometheus: OpenSource = (access) => {
  const headers = { accept: 'application/json', ...authorization(access) }
  const formHeaders = { ...headers, 'content-type': 'application/x-www-form-urlencoded' }
  return {
    query: async (request, signal) => {
      const [path, parameters] = apiCall(request)
      const url = access.url(path)
      const body = parameters.toString()
      const ask = { method: 'POST', url, headers: formHeaders, body } as const
      const reply = await access.fetch(ask, signal)
      // Some front ends allow reading alone, which to them is GET.
      if (reply.status !== 405 && reply.status !== 501) return samplesOf(reply, access.quote)
      url.search = body
      return samplesOf(await access.fetch({ method: 'GET', url, headers }, signal), access.quote)
    },
  }
}

const authorization = ({ secret, login }: SourceAccess): Record<string, string> => {
  if (secret === undefined) {
    return login === undefined ? {} : basic(login.user, login.password)
  }
  const token = secret.find('token')
  if (token !== undefined && secret.find('user') === undefined) {
    return { authorization: `Bearer ${token.trim()}` }
  }
  return basic(secret.get('user'), secret.get('password'))
}

const seconds = (ms: number): string => String(ms / 1000)

const apiCall = ({ query, range }: MetricRequest): [path: string, URLSearchParams] => {
  // No time: Prometheus takes its own present one. Ours is cut to seconds and may be off, and asking for the past by as
  // little as that can bring back the value before the last.
  if (range === undefined) return ['/api/v1/query', new URLSearchParams({ query })]
  const [start, end] = [range.from.getTime(), range.to.getTime()]
  const step = seconds(range.stepMs ?? end - start)
  return [
    '/api/v1/query_range',
    new URLSearchParams({ query, start: seconds(start), end: seconds(end), step }),
  ]
}

const point = Type.Tuple([Type.Number(), Type.String()])
const labels = Type.Record(Type.String(), Type.String())
const vector = Type.Array(Type.Object({ metric: labels, value: point }))
const isVector = shape(vector)
const matrix = Type.Array(Type.Object({ metric: labels, values: Type.Array(point) }))
const isMatrix = shape(matrix)
const success = Type.Object({
  status: Type.Literal('success'),
  data: Type.Object({ resultType: Type.String(), result: Type.Unknown() }),
})
const isAnswer = shape(success)
const failure = Type.Object({
  status: Type.Literal('error'),
  errorType: Type.Optional(Type.String()),
  error: Type.Optional(Type.String()),
})
const isFailure = shape(failure)

type Quote = SourceAccess['quote']

const samplesOf = (reply: Reply, quote: Quote): readonly Sample[] => {
  const { status } = reply
  // Prometheus explains a query that it cannot answer with 400 or 422, and a JSON body.
  if (!isSuccess(status) && status !== 400 && status !== 422) throw refusedWith(status)
  const json = jsonOf(reply)
  if (isFailure(json)) {
    const { errorType = 'error', error = 'no reason given' } = json
    throw refusedFor(quote(`${errorType}: ${error}`), status)
  }
  if (!isSuccess(status)) throw refusedWith(status)
  if (!isAnswer(json)) throw unlike('Prometheus API', status)
  return seriesOf(json.data, status, quote)
}

const seriesOf = (
  { resultType, result }: Static<typeof success>['data'],
  status: number,
  quote: Quote,
): readonly Sample[] => {
  if (resultType === 'vector' && isVector(result)) {
    return result.flatMap(({ metric, value }, index) => toSamples(index, metric, [value], quote))
  }
  if (resultType === 'matrix' && isMatrix(result)) {
    return result.flatMap(({ metric, values }, index) => toSamples(index, metric, values, quote))
  }
  if (resultType === 'vector' || resultType === 'matrix') {
    throw new ProviderError('The query answers something else than numbers', { status })
  }
  throw new ProviderError(
    `The query answers a ${quote(resultType)}, not a series: wrap it in vector()`,
    { status },
  )
}

const toSamples = (
  index: number,
  metric: Static<typeof labels>,
  points: readonly Static<typeof point>[],
  quote: Quote,
): Sample[] => {
  const series = `${index} ${JSON.stringify(metric)}`
  return points.map(([at, text]) => ({
    series,
    at: new Date(at * 1000),
    value: numberOf(text, quote),
  }))
}

const infinities: Readonly<Record<string, number>> = {
  '+Inf': Infinity,
  Inf: Infinity,
  '-Inf': -Infinity,
}

const numberOf = (text: string, quote: Quote): number => {
  if (text === 'NaN') return NaN
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text)
  const infinity = infinities[text]
  if (infinity !== undefined) return infinity
  throw new ProviderError(`The source answered with "${quote(text)}", which is not a number`)
}
