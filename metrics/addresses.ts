/**
 * Which addresses a source of metrics may have. Providers are written by users of a namespace, and our requests come from
 * a place in the network where more can be reached than from theirs.
 *
 * @module
 */
import { BlockList, isIP } from 'node:net'

/** An address of the API server. Without a port, all of its ports are meant. */
export interface Endpoint {
  readonly address: string
  readonly port?: number
}

/** Says why an address must not be connected to, found under this name if it was; `undefined`: it may. */
export type Refuse = (address: string, port: number, name?: string) => string | undefined

/** Ranges that nobody may name as a source: this process's own machine, and what clouds tell machines about themselves. */
export const refusedRanges: readonly string[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '100.100.100.200/32', // metadata of Alibaba Cloud
  '168.63.129.16/32', // the platform address of Azure
  '192.0.0.192/32', // metadata of Oracle Cloud (classic)
  '::/128',
  '::1/128',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::254/128', // metadata of AWS
  'fd20:ce::254/128', // metadata of Google Cloud
]

/**
 * Ranges whose addresses may stand for any other: which one, only the router knows that takes it out again. So they are
 * refused as a whole unless an administrator allows them; what is then known to be behind one must not be refused itself.
 */
export const disguisingRanges: readonly string[] = [
  '64:ff9b:1::/48', // NAT64 of a network's own, with the IPv4 address at a place of its choice (RFC 8215, RFC 6052)
  '2002::/16', // 6to4
  '2001::/32', // Teredo
]

/**
 * Decides by address, never by name: a name may stand for another address at the next look.
 *
 * Ranges of pods and services are allowed: that is where sources live. What is in `allowed` is never refused, except
 * for the API server's own addresses, which are told by `apiServer` each time since they may change. Where `only` lists
 * names or ranges, all else is refused, too; a name in it lifts no other rule.
 */
export const refusal = (rules: {
  readonly refused?: readonly string[]
  readonly allowed?: readonly string[]
  readonly apiServer?: () => Iterable<Endpoint>
  readonly only?: readonly string[]
}): Refuse => {
  const refused = blockListOf(rules.refused ?? refusedRanges)
  const disguising = blockListOf(disguisingRanges)
  const allowed = blockListOf(rules.allowed ?? [])
  const isListed = listOf(rules.only ?? [])
  const isApiServer = (address: string, port: number): boolean => {
    for (const own of rules.apiServer?.() ?? []) if (isSame(own, address, port)) return true
    return false
  }
  const behind = addressesBehind(rules.allowed ?? [])
  const refusedRange = (seen: string): string | undefined => {
    if (contains(allowed, seen)) return undefined
    if (contains(refused, seen)) return 'loopback, link-local and metadata addresses are refused'
    return contains(disguising, seen)
      ? 'addresses that may stand for any other are refused'
      : undefined
  }
  return (address, port, name = address) => {
    if (isIP(address) === 0) return `"${address}" is not an address`
    const others = behind(address)
    if ([address, ...others].some((one) => isApiServer(one, port))) {
      return 'it is an address of the Kubernetes API server'
    }
    const seen = embeddedIPv4(address) ?? address
    const reason = [seen, ...others].map(refusedRange).find((found) => found !== undefined)
    if (reason !== undefined) return reason
    if (isListed(seen, name)) return undefined
    return notAmongSources
  }
}

const notAmongSources = 'it is not among the sources that the administrator of the cluster allows'

/** Names of this process's own machine, of what clouds tell machines about themselves, and of the API server. */
const refusedNames = [
  /(^|\.)localhost(\.localdomain)?$/,
  /^metadata(\.google\.internal|\.goog)?$/,
  /^instance-data(\..*)?$/,
  /^kubernetes(\.default(\.svc(\..*)?)?)?$/,
]

/**
 * Decides by name, for what a proxy will look up: where it leads to, only the proxy knows. `only` is as in {@link refusal};
 * a range in it allows no name.
 */
export const nameRefusal = ({
  only = [],
}: {
  readonly only?: readonly string[]
}): ((name: string) => string | undefined) => {
  const isListed = listOf(only)
  return (name) => {
    const asked = plain(name)
    if (refusedNames.some((pattern) => pattern.test(asked))) {
      return 'names of loopback, metadata and the Kubernetes API server are refused'
    }
    return isListed(undefined, asked) ? undefined : notAmongSources
  }
}

/** Whether this is an address, or a range of them (CIDR). */
export const isRange = (entry: string): boolean => {
  const [net = '', bits, ...rest] = entry.split('/')
  const family = isIP(net)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32))
}

const namePattern = /^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i

/** Whether a list of allowed sources may hold this: a range or an address, a name, or `*.` and the end of names. */
export const isSourceEntry = (entry: string): boolean =>
  isRange(entry) || (namePattern.test(entry) && !/(^|\.)[\d.]+$/.test(entry))

/** Tells whether an address, or the name that it was found under, is in a list; with an empty list, every one is. */
const listOf = (
  entries: readonly string[],
): ((address: string | undefined, name: string) => boolean) => {
  if (entries.length === 0) return () => true
  const ranges = blockListOf(entries.filter(isRange))
  const names = entries.filter((entry) => !isRange(entry)).map(plain)
  return (address, name) => {
    const asked = plain(name)
    const isNamed = names.some((entry) =>
      entry.startsWith('*.') ? asked.endsWith(entry.slice(1)) : asked === entry,
    )
    return isNamed || (address !== undefined && contains(ranges, address))
  }
}

/** A name as names are compared. */
const plain = (name: string): string => name.toLowerCase().replace(/\.$/, '')

const blockListOf = (ranges: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const range of ranges) {
    const [net = '', bits] = range.split('/')
    const family = isIP(net) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(net, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family)
  }
  return list
}

const contains = (list: BlockList, address: string): boolean =>
  list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

const isSame = (own: Endpoint, address: string, port: number): boolean =>
  isIP(own.address) !== 0 &&
  (own.port === undefined || own.port === port) &&
  contains(blockListOf([own.address]), embeddedIPv4(address) ?? address)

/** Where an IPv4 address is in an IPv6 one, by the length of the prefix before it (RFC 6052). */
const placesOfNat64: readonly (readonly [bits: number, places: readonly number[]])[] = [
  [48, [6, 7, 9, 10]],
  [56, [7, 9, 10, 11]],
  [64, [9, 10, 11, 12]],
  [96, [12, 13, 14, 15]],
]

/**
 * Finds the IPv4 addresses that one in a disguising range may stand for, where an administrator has allowed that range. How
 * long its range is tells where a NAT64 has put them: not before the range ends. An address that begins with 0 leads nowhere.
 */
const addressesBehind = (allowed: readonly string[]): ((address: string) => readonly string[]) => {
  const disguising = blockListOf(disguisingRanges)
  const ranges = allowed.map((range) => {
    const bits = Number(range.split('/')[1] ?? 128)
    return { bits, list: blockListOf([range]) }
  })
  return (address) => {
    if (isIP(address) !== 6 || !contains(disguising, address)) return []
    const lengths = ranges.filter(({ list }) => contains(list, address)).map(({ bits }) => bits)
    const bytes = bytesOf(address)
    const at = (places: readonly number[]): string =>
      places.map((place) => bytes[place] ?? 0).join('.')
    if (bytes[1] === 0x02) return [at([2, 3, 4, 5])].filter(leadsSomewhere)
    if (bytes[0] === 0x20) {
      const client = bytes.slice(12).map((byte) => byte ^ 255)
      return [at([4, 5, 6, 7]), client.join('.')].filter(leadsSomewhere)
    }
    const least = Math.min(96, ...lengths)
    return placesOfNat64
      .filter(([bits]) => bits >= least)
      .map(([, places]) => at(places))
      .filter(leadsSomewhere)
  }
}

const leadsSomewhere = (address: string): boolean => !address.startsWith('0.')

/** The sixteen bytes of an IPv6 address. */
const bytesOf = (address: string): readonly number[] => {
  const { hostname } = new URL(`http://[${address.split('%')[0] ?? ''}]`)
  const [head = [], tail = []] = hostname
    .slice(1, -1)
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return [...head, ...zeros, ...tail].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 255]
  })
}

/**
 * The IPv4 address inside an IPv6 one that routers (NAT64, 64:ff9b::/96, RFC 6052; SIIT, ::ffff:0:0:0/96, RFC 2765) or the
 * kernel (::ffff:0:0/96) take out of it again, or that hosts of long ago did (::/96).
 */
const embeddedIPv4 = (address: string): string | undefined => {
  if (isIP(address) !== 6) return undefined
  const { hostname } = new URL(`http://[${address.split('%')[0] ?? ''}]`)
  const match =
    /^\[(?:64:ff9b::|::ffff:0:(?=[\da-f]+:)|::ffff:(?=[\da-f]+:)|::(?=[\da-f]+:))(?:([\da-f]+):)?([\da-f]*)\]$/.exec(
      hostname,
    )
  if (match === null) return undefined
  const [high, low] = [match[1] ?? '0', match[2] ?? '0'].map((part) =>
    Number.parseInt(part === '' ? '0' : part, 16),
  )
  return [high, low].flatMap((half = 0) => [half >> 8, half & 255]).join('.')
}
