/**
 * Elasticsearch, by its search API.
 * https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search
 *
 * @module
 */
import { Type, type Static } from 'typebox'
import type { Reply } from '../fetch.ts'
import { ProviderError, type Sample } from '../source.ts'
import { basic, type OpenSource, type SourceAccess } from './access.ts'
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
 * Opens an Elasticsearch. The entry of the Secret that the provider names is an API key; where there is no such Secret, the
 * name of the entry is the key itself, as in Keptn.
 *
 * A query is the body of a search. The number is at `path`: names with dots between, or a run of them that only one place in
 * the reply has. Lists are looked into, so that a path may lead to a number of each bucket.
 */
export const elastic: OpenSource = (access) => ({
  query: async (request, signal) => {
    const path = request.path?.trim() ?? ''
    if (path === '') {
      throw new ProviderError(
        'Cannot tell which number of the reply is meant: set spec.path of the metric, or the argument metricPath of the analysis, to names such as aggregations.latency.value',
      )
    }
    const url = access.url('/_search')
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      ...authorization(access),
    }
    const reply = await access.fetch({ method: 'POST', url, headers, body: request.query }, signal)
    return numbersAt(path, answerOf(reply, access), request.at, access)
  },
})

const authorization = ({ login, secret, secretKey }: SourceAccess): Record<string, string> => {
  if (login !== undefined) return basic(login.user, login.password)
  const key = (secret === undefined ? secretKey : secret.get(secretKey)).trim()
  return key === '' ? {} : { authorization: `ApiKey ${key}` }
}

const failure = Type.Object({
  error: Type.Object({
    type: Type.Optional(Type.String()),
    reason: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  }),
})
const isFailure = shape(failure)
const answer = Type.Object({
  timed_out: Type.Optional(Type.Boolean()),
  _shards: Type.Optional(Type.Object({ failed: Type.Number() })),
})
const isAnswer = shape(answer)

const answerOf = (reply: Reply, { quote }: SourceAccess): object => {
  const { status } = reply
  const json = isSuccess(status) ? jsonOf(reply) : explanationOf(reply)
  if (isFailure(json)) {
    const { type = 'error', reason } = json.error
    throw refusedFor(quote(`${type}: ${reason ?? 'no reason given'}`), status)
  }
  if (!isSuccess(status)) throw refusedWith(status)
  if (!isAnswer(json)) throw unlike('search API', status)
  if (!isPartial(json)) return json
  // What is found in a part of the data is not what was asked for.
  throw new ProviderError('The search was not done on all of the data', { status })
}

const isPartial = ({ timed_out, _shards }: Static<typeof answer>): boolean =>
  timed_out === true || (_shards?.failed ?? 0) > 0

/** A value that is not an object, and where it is. */
interface Leaf {
  /** Each name with a dot in front: one may be empty. */
  readonly path: string
  readonly value: unknown
}

const numbersAt = (
  path: string,
  json: object,
  at: Date,
  { quote }: SourceAccess,
): readonly Sample[] => {
  const leaves = leavesOf(json)
  const exact = leaves.filter((leaf) => leaf.path === `.${path}`)
  for (const { value } of exact) {
    if (numberOf(value) !== undefined) continue
    throw new ProviderError(`What the reply holds at "${quote(path)}" is not a number`)
  }
  const found =
    exact.length > 0 ? exact : leaves.filter((leaf) => `${leaf.path}.`.includes(`.${path}.`))
  return found.flatMap(({ path: series, value }) => {
    const number = numberOf(value) ?? null
    return number === null ? [] : [{ series, at, value: number }]
  })
}

/** Numbers that JSON does not have come as text. */
const texts = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
])

const numberOf = (value: unknown): number | null | undefined => {
  if (typeof value === 'number' || value === null) return value
  return typeof value === 'string' ? texts.get(value) : undefined
}

/** Longer than any path that may be asked for: what lies deeper would take more time than a reply is worth. */
const longestPath = 1024

/** Far more than a search that was meant for one number answers; more would hold up everything else. */
const mostValues = 50_000

/** How long all paths together may be: each is looked through. */
const mostCharacters = 4 * 1024 * 1024

const refuseLarge = (values: number, characters: number): void => {
  if (values <= mostValues && characters <= mostCharacters) return
  throw new ProviderError('The reply holds more than can be searched: ask for less')
}

/** All leaves in their order, found without recursion: a reply may be as deep as it likes. */
const leavesOf = (json: object): readonly Leaf[] => {
  const leaves: Leaf[] = []
  const open: Leaf[] = [{ path: '', value: json }]
  let values = 0
  let characters = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, value } = next
    // Not passed over: it might be a second place that the path leads to.
    if (path.length > longestPath) {
      throw new ProviderError('The reply is nested more deeply than it can be searched')
    }
    characters += path.length
    if (typeof value !== 'object' || value === null) leaves.push(next)
    else {
      const names = Array.isArray(value) ? undefined : Object.keys(value)
      values += names?.length ?? (value as readonly unknown[]).length
      // Before anything is made of them.
      refuseLarge(values, characters)
      for (const one of inside(path, value, names).toReversed()) open.push(one)
    }
  }
  refuseLarge(values, characters)
  return leaves
}

const inside = (
  path: string,
  value: object,
  names: readonly string[] | undefined,
): readonly Leaf[] =>
  names === undefined
    ? (value as readonly unknown[]).map((item) => ({ path, value: item }))
    : names.map((name) => ({
        path: `${path}.${name}`,
        value: (value as Readonly<Record<string, unknown>>)[name],
      }))
