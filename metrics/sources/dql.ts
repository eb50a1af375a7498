/**
 * Dynatrace Grail, asked in its query language DQL.
 * https://developer.dynatrace.com/platform-services/services/storage/
 *
 * @module
 */
import { createHash } from 'node:crypto'
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

/** Where Keptn asks for a token when the Secret names no other place. */
const defaultAuthUrl = 'https://dev.token.internal.dynatracelabs.com/sso/oauth2/token'

/** How long to wait before each look at a query that takes its time. */
const pollAfterMs: readonly number[] = [1000, 2000, 4000, 8000, 16_000]

/**
 * Opens a Grail. The entry of the Secret that the provider names is JSON with an OAuth client's `token`, and an `authUrl`
 * where its tokens come from.
 *
 * Of several records the first counts, and in it the first field that is a list of numbers, as in Keptn. With `null` in it,
 * there is no number.
 */
export const dql: OpenSource = (access) => ({
  query: async (request, signal) => {
    const client = clientOf(access)
    const ask: AskGrail = async (url, call) => {
      const token = await tokenFor(client, access, signal)
      const headers = { ...call.headers, authorization: `Bearer ${token}` }
      const reply = await access.fetch({ ...call, url, headers }, signal)
      // Withdrawn before its time: the next query asks for another.
      if (reply.status === 401) access.tokens.forget()
      return progressOf(reply, access)
    }
    return samplesOf(await recordsOf(request, ask, access, signal), request)
  },
})

type Call = Parameters<SourceAccess['fetch']>[0]
type AskGrail = (url: URL, call: Omit<Call, 'url'>) => Promise<Progress>

interface OauthClient {
  readonly id: string
  readonly secret: string
  readonly authUrl: URL
}

const credentials = Type.Object({
  token: Type.String(),
  authUrl: Type.Optional(Type.String()),
})
const isCredentials = shape(credentials)

const clientOf = ({ secret, secretKey, conceal }: SourceAccess): OauthClient => {
  if (secret === undefined || secretKey.trim() === '') {
    throw new ProviderError(
      'Cannot ask Grail without an OAuth client: name the Secret and its entry in spec.secretKeyRef of the provider',
    )
  }
  const wrong = (why: string): ProviderError =>
    new ProviderError(`Cannot read Secret "${secret.of}": key "${secretKey}" ${why}`)
  const json = explanationOf({ status: 200, body: secret.get(secretKey) })
  if (!isCredentials(json)) throw wrong('is not JSON with a "token"')
  const token = json.token.trim()
  const parts = token.split('.')
  for (const part of [token, ...parts.slice(1)]) conceal(part)
  if (!/^dt0s08[^.]*\.[^.]*\.[^.]{64}$/.test(token)) {
    throw wrong('holds a "token" that is not one of an OAuth client (dt0s08.….…)')
  }
  const place = json.authUrl === undefined || json.authUrl === '' ? defaultAuthUrl : json.authUrl
  if (!/^https?:/.test(place) || !URL.canParse(place)) {
    throw wrong('holds an "authUrl" that is not a URL')
  }
  return { id: parts.slice(0, 2).join('.'), secret: token, authUrl: new URL(place) }
}

const granted = Type.Object({
  access_token: Type.String({ minLength: 1 }),
  expires_in: Type.Optional(Type.Number()),
})
const isGranted = shape(granted)

const tokenFor = (
  { id, secret, authUrl }: OauthClient,
  { tokens, fetch, conceal }: SourceAccess,
  signal: AbortSignal,
): Promise<string> => {
  const digest = createHash('sha256').update(`${authUrl.href} ${secret}`).digest('hex')
  return tokens.get(digest, async () => {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      scope: 'storage:metrics:read environment:roles:viewer',
      client_id: id,
      client_secret: secret,
    })
    const headers = {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
    }
    const body = form.toString()
    const reply = await fetch({ method: 'POST', url: authUrl, headers, body }, signal)
    const { status } = reply
    if (!isSuccess(status)) {
      throw new ProviderError(
        `Cannot get a token: ${authUrl.origin} answered with status ${status}`,
        {
          status,
        },
      )
    }
    const json = explanationOf(reply)
    if (!isGranted(json)) {
      throw new ProviderError(`Cannot get a token: ${authUrl.origin} answered without one`, {
        status,
      })
    }
    conceal(json.access_token)
    // As long as OAuth servers commonly grant, where one does not say.
    return { token: json.access_token, forSeconds: json.expires_in ?? 300 }
  })
}

// Only the first record counts, so the others may be anything.
const records = Type.Array(Type.Unknown())
const progress = Type.Object({
  state: Type.Optional(Type.String()),
  requestToken: Type.Optional(Type.String()),
  result: Type.Optional(
    Type.Union([Type.Object({ records, metadata: Type.Optional(Type.Unknown()) }), Type.Null()]),
  ),
})
const isProgress = shape(progress)
type Progress = Static<typeof progress>
type Records = Static<typeof records>
const notified = Type.Object({
  grail: Type.Object({ notifications: Type.Array(Type.Unknown()) }),
})
const isNotified = shape(notified)
const notification = Type.Object({
  severity: Type.Optional(Type.String()),
  notificationType: Type.Optional(Type.String()),
  message: Type.Optional(Type.String()),
})
const isNotification = shape(notification)
const failure = Type.Object({ error: Type.Object({ message: Type.String({ minLength: 1 }) }) })
const isFailure = shape(failure)

const progressOf = (reply: Reply, { quote }: SourceAccess): Progress => {
  const { status } = reply
  const json = isSuccess(status) ? jsonOf(reply) : explanationOf(reply)
  if (isFailure(json)) throw refusedFor(quote(json.error.message), status)
  if (!isSuccess(status)) throw refusedWith(status)
  if (!isProgress(json) || !isKnown(json)) throw unlike('Grail query API', status)
  return json
}

/** Longer than any token of a query: what it becomes part of is a URL. */
const longestToken = 8192

const isKnown = ({ state, requestToken = '' }: Progress): boolean =>
  requestToken.length <= longestToken && (state !== undefined || requestToken !== '')

const recordsOf = async (
  request: MetricRequest,
  ask: AskGrail,
  { url, wait, quote }: SourceAccess,
  signal: AbortSignal,
): Promise<Records> => {
  const json = { accept: 'application/json' }
  const place = url('/platform/storage/query/v1/query:execute')
  const headers = { ...json, 'content-type': 'application/json' }
  let now = await ask(place, { method: 'POST', headers, body: JSON.stringify(begin(request)) })
  const poll = url('/platform/storage/query/v1/query:poll')
  poll.search = new URLSearchParams({ 'request-token': now.requestToken ?? '' }).toString()
  const mayGoOn = now.requestToken !== undefined
  for (const ms of pollAfterMs) {
    if (!mayGoOn || !isUnderWay(now)) break
    await wait(ms, signal)
    now = await ask(poll, { method: 'GET', headers: json })
  }
  return recordsIn(now, quote)
}

const recordsIn = (last: Progress, quote: SourceAccess['quote']): Records => {
  if (isUnderWay(last)) throw new ProviderError('The query did not end in time')
  const { state = '', result } = last
  if (state !== 'SUCCEEDED') throw new ProviderError(`The query ended as ${quote(state)}`)
  const cut = whatCut(result?.metadata)
  if (cut !== undefined) throw new ProviderError(`The source answered in part: ${quote(cut)}`)
  return result?.records ?? []
}

/** Types such as `SCAN_LIMIT_GBYTES`, `RESULT_LIMIT_RECORDS`, `FETCH_TIMEOUT`; others are about how the query is written. */
const cutTypes = /LIMIT|TIMEOUT|INCOMPLETE|PARTIAL|TRUNCAT/i
/** What those say that have no type. */
const cutMessages = /limit|time-?out|timed out|incomplete|partial|truncat|stopped|aborted/i

/** What Grail says of a result that is not all of it: a number that is made of a part is none. Pure. */
const whatCut = (metadata: unknown): string | undefined => {
  if (!isNotified(metadata)) return undefined
  const said = metadata.grail.notifications.filter((one) => isNotification(one))
  const cut = said.find(({ severity = '', notificationType = '', message = '' }) =>
    severity.toUpperCase() === 'INFO'
      ? false
      : notificationType === ''
        ? cutMessages.test(message)
        : cutTypes.test(notificationType),
  )
  if (cut === undefined) return undefined
  return [cut.notificationType, cut.message].filter((part) => (part ?? '') !== '').join(': ')
}

const isUnderWay = ({ state }: Progress): boolean =>
  state === undefined || state === 'RUNNING' || state === 'NOT_STARTED'

const begin = ({ query, range }: MetricRequest) => ({
  query,
  timezone: 'UTC',
  locale: 'en_US',
  fetchTimeoutSeconds: 60,
  requestTimeoutMilliseconds: 1000,
  ...(range === undefined
    ? {}
    : {
        defaultTimeframeStart: range.from.toISOString(),
        defaultTimeframeEnd: range.to.toISOString(),
      }),
})

const record = Type.Object({})
const isRecord = shape(record)
const timeframe = Type.Object({ timeframe: Type.Object({ end: Type.String() }) })
const hasTimeframe = shape(timeframe)

/** Far more than a query that was meant for one number answers; more would hold up everything else. */
const mostFields = 1000

const samplesOf = ([first]: Records, { at }: MetricRequest): readonly Sample[] => {
  if (first === undefined) return []
  if (!isRecord(first)) throw unlike('Grail query API', 200)
  if (Object.keys(first).length > mostFields) {
    throw new ProviderError(
      `The first record of the reply holds more than ${mostFields} fields: ask for less`,
    )
  }
  const values = numbersIn(Object.values(first).find((field: unknown) => isMeant(field)))
  const end = hasTimeframe(first) ? first.timeframe.end : ''
  const last = Number.isNaN(Date.parse(end)) ? at : new Date(end)
  return values.map((value) => ({ series: 'first', at: last, value }))
}

/**
 * Whether a field is where the number is looked for: a list that is empty or has a number or `null` in it. One with a gap is
 * not passed over for a later field, which measures something else.
 */
const isMeant = (field: unknown): boolean =>
  Array.isArray(field) &&
  (field.length === 0 || field.some((item) => typeof item === 'number' || item === null))

/** The numbers of a list that holds nothing else; of one with a number that is too large for us, that one alone. */
const numbersIn = (field: unknown): readonly number[] => {
  const list: readonly unknown[] = Array.isArray(field) ? field : []
  if (list.length > mostSamples) throw tooManyNumbers()
  const values = list.filter((item) => typeof item === 'number')
  if (values.length < list.length) return []
  const odd = values.filter((value) => !Number.isFinite(value))
  return odd.length > 0 ? odd : values
}
