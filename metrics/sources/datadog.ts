/**
 * Datadog, by its API for timeseries points.
 * https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points
 *
 * @module
 */
import { Type } from 'typebox'
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

/** What a query without a range is about, as in Keptn. */
const lookBackMs = 5 * 60_000

/**
 * Opens a Datadog. Its keys are the entries `DD_CLIENT_API_KEY` and `DD_CLIENT_APP_KEY` of the Secret.
 *
 * Of several series the first counts, as in Keptn.
 */
export const datadog: OpenSource = (access) => ({
  query: async (request, signal) => {
    const headers = { accept: 'application/json', ...keysOf(access) }
    const url = access.url('/api/v1/query')
    url.search = parametersOf(request).toString()
    return samplesOf(await access.fetch({ method: 'GET', url, headers }, signal), access)
  },
})

const keysOf = ({ secret }: SourceAccess): Record<string, string> => {
  if (secret === undefined) {
    throw new ProviderError(
      'Cannot ask Datadog without its keys: name a Secret with DD_CLIENT_API_KEY and DD_CLIENT_APP_KEY in spec.secretKeyRef of the provider',
    )
  }
  const entry = (key: string): string => {
    const value = secret.get(key).trim()
    if (value !== '') return value
    throw new ProviderError(`Cannot read Secret "${secret.of}": key "${key}" is empty`)
  }
  return {
    'dd-api-key': entry('DD_CLIENT_API_KEY'),
    'dd-application-key': entry('DD_CLIENT_APP_KEY'),
  }
}

const parametersOf = ({ query, at, range }: MetricRequest): URLSearchParams => {
  const { from, to, stepMs } = range ?? { from: new Date(at.getTime() - lookBackMs), to: at }
  return new URLSearchParams({
    from: String(Math.floor(from.getTime() / 1000)),
    to: String(Math.floor(to.getTime() / 1000)),
    ...(stepMs === undefined ? {} : { interval: String(stepMs) }),
    query,
  })
}

const pointlist = Type.Array(Type.Tuple([Type.Number(), Type.Union([Type.Number(), Type.Null()])]))
const data = Type.Object({ series: Type.Array(Type.Object({ pointlist })) })
const isData = shape(data)
const failure = Type.Union([
  Type.Object({ error: Type.String({ minLength: 1 }) }),
  Type.Object({ errors: Type.Array(Type.String(), { minItems: 1 }) }),
])
const isFailure = shape(failure)

const samplesOf = (reply: Reply, { quote }: SourceAccess): readonly Sample[] => {
  const { status } = reply
  const json = isSuccess(status) ? jsonOf(reply) : explanationOf(reply)
  if (isFailure(json)) {
    throw refusedFor(quote('error' in json ? json.error : json.errors.join(', ')), status)
  }
  if (!isSuccess(status)) throw refusedWith(status)
  if (!isData(json)) throw unlike('Datadog API', status)
  const points = json.series[0]?.pointlist ?? []
  if (points.length > mostSamples) throw tooManyNumbers()
  return points.flatMap(([time, value]) =>
    value === null ? [] : [{ series: 'first', at: new Date(time), value }],
  )
}
