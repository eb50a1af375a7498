/**
 * Prometheus, and what speaks its HTTP API: Thanos, Cortex.
 * https://prometheus.io/docs/prometheus/latest/querying/api/
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
// What is in the labels tells nothing here: a reply has each series once.
const metric = Type.Object({})
const vector = Type.Array(Type.Object({ metric, value: point }))
const isVector = shape(vector)
const matrix = Type.Array(Type.Object({ metric, values: Type.Array(point) }))
const isMatrix = shape(matrix)
const success = Type.Object({
  status: Type.Literal('success'),
  warnings: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
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
  refusePartial(json, status, quote)
  return seriesOf(json.data, status, quote)
}

/** What is found in a part of the data is not what was asked for. */
const refusePartial = (
  { warnings }: Static<typeof success>,
  status: number,
  quote: Quote,
): void => {
  const warning = warnings?.find((text) => !isAboutQuery(text))
  if (warning === undefined) return
  throw new ProviderError(`The source answered in part: ${quote(warning)}`, { status })
}

/**
 * Whether a warning is a note on how the query is written, which Prometheus puts among those that tell of data that could not
 * be read: a store of Thanos that did not answer, a remote read that failed.
 */
const isAboutQuery = (warning: string): boolean => /^PromQL (info|warning): /.test(warning)

const seriesOf = (
  { resultType, result }: Static<typeof success>['data'],
  status: number,
  quote: Quote,
): readonly Sample[] => {
  if (resultType === 'vector' && isVector(result)) {
    return toSamples(
      result.map(({ value }) => [value]),
      quote,
    )
  }
  if (resultType === 'matrix' && isMatrix(result)) {
    return toSamples(
      result.map(({ values }) => values),
      quote,
    )
  }
  if (resultType === 'vector' || resultType === 'matrix') {
    throw new ProviderError('The query answers something else than numbers', { status })
  }
  throw new ProviderError(
    `The query answers a ${quote(resultType)}, not a series: wrap it in vector()`,
    { status },
  )
}

type Point = Static<typeof point>

/** All samples of a single series; of several, one of each tells as much: that they are too many. */
const toSamples = (series: readonly (readonly Point[])[], quote: Quote): readonly Sample[] => {
  const sampled = series.filter((points) => points.length > 0)
  const counted = sampled.length > 1 ? sampled.map((points) => points.slice(0, 1)) : sampled
  if (sampled.length === 1 && (sampled[0]?.length ?? 0) > mostSamples) throw tooManyNumbers()
  return counted.flatMap((points, index) =>
    points.map(([at, text]) => ({
      series: String(index),
      at: new Date(at * 1000),
      value: numberOf(text, quote),
    })),
  )
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
