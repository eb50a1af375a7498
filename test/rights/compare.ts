/**
 * Compares what our service accounts may do with what they did: each right has to be needed, and none may be missing.
 *
 * @module
 */
import { systemNamespace } from '../../deploy/chart.ts'
import type { ClusterRequests, Request } from './requests.ts'
import { sayRight, type Right } from './rights.ts'

/** Rights, or requests, that are as they are for a reason. What is left out may be anything. */
export interface Exception {
  readonly account?: string
  readonly verbs?: readonly string[]
  readonly group?: string
  readonly resources?: readonly string[]
  /** The cluster's name. */
  readonly cluster?: string
  readonly reason: string
}

/** What is compared. */
export interface Compared {
  readonly rights: readonly Right[]
  readonly clusters: readonly ClusterRequests[]
  /** Rights that no test uses. */
  readonly unused: readonly Exception[]
  /** Requests that are refused. */
  readonly refused: readonly Exception[]
}

type Act = Pick<Right, 'account' | 'verb' | 'group' | 'resource'>

const isAbout = (one: Act, other: Act): boolean =>
  one.account === other.account &&
  one.verb === other.verb &&
  one.group === other.group &&
  one.resource === other.resource

const isException = ({ account, verbs, group, resources }: Exception, what: Act): boolean =>
  (account ?? what.account) === what.account &&
  (group ?? what.group) === what.group &&
  verbs?.includes(what.verb) !== false &&
  resources?.includes(what.resource) !== false

const uses = (request: Request, right: Right): boolean =>
  !request.refused &&
  isAbout(request, right) &&
  (right.namespace ?? request.namespace) === request.namespace &&
  (right.name ?? request.name) === request.name

/** Why nobody needs a right as it is, or nothing. */
const surplus = (right: Right, requests: readonly Request[]): string | undefined => {
  const used = requests.filter((request) => uses(request, right))
  if (used.length === 0) {
    return `${sayRight(right)}, and no test makes it do so: take the right away, or let a test need it`
  }
  if (right.namespace === undefined && used.every(({ namespace }) => namespace === systemNamespace))
    return `${sayRight(right)} everywhere, and does so in namespace "${systemNamespace}" alone: give it by a Role there`
  return undefined
}

/**
 * Says of each right that is not needed how it is not: nobody uses it, a smaller one would do, or it is given twice; and of
 * each exception that it is about no right at all. Only the requests of all tests can tell.
 */
export const surplusRights = ({ rights, clusters, unused }: Compared): readonly string[] => {
  const requests = clusters.flatMap((cluster) => cluster.requests)
  const isExpected = (right: Right): boolean => unused.some((known) => isException(known, right))
  const twice = [...Map.groupBy(rights, sayRight)].filter(([, { length }]) => length > 1)
  const idle = unused.filter((known) => !rights.some((right) => isException(known, right)))
  return [
    ...rights
      .filter((right) => !isExpected(right))
      .flatMap((right) => surplus(right, requests) ?? []),
    ...twice.map(([right]) => `${right}, which the chart says twice`),
    ...idle.map(
      ({ reason }) => `The chart gives no right any more of which this is said: "${reason}"`,
    ),
  ]
}

const sayRefused = ({ verb, group, resource, namespace, name }: Request): string =>
  [
    `${verb} ${resource}${group === '' ? '' : `.${group}`}`,
    ...(name === '' ? [] : [`"${name}"`]),
    ...(namespace === '' ? [] : [`in namespace "${namespace}"`]),
  ].join(' ')

const isSame = (one: Request, other: Request): boolean =>
  one.namespace === other.namespace && one.name === other.name && isAbout(one, other)

/**
 * Says of each request that was refused what right its account lacks. What the same cluster allowed at another time lacks
 * none: an API server that has just started knows no rights yet.
 */
export const missingRights = ({ clusters, refused }: Compared): readonly string[] =>
  clusters.flatMap(({ cluster, requests }) => {
    const allowed = requests.filter((request) => !request.refused)
    return requests
      .filter((request) => request.refused && !allowed.some((other) => isSame(other, request)))
      .filter(
        (request) =>
          !refused.some(
            (known) => (known.cluster ?? cluster) === cluster && isException(known, request),
          ),
      )
      .map(
        (request) =>
          `"${request.account}" wanted to ${sayRefused(request)} on cluster "${cluster}" and may not: give it the right, or keep it from asking`,
      )
  })
