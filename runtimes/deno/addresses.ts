/**
 * Which addresses code is not fetched from: those that stand for the machine a pod runs on, for what clouds tell machines
 * about themselves, and for the API server.
 *
 * Twin of `runtimes/python/addresses.py`, with the ranges of `metrics/addresses.ts`: a test holds all three to each other.
 *
 * @module
 */
import { BlockList, isIP } from 'node:net'

/** Refused unless an administrator allows them. */
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
 * refused as a whole unless an administrator allows them.
 */
export const disguisingRanges: readonly string[] = [
  '64:ff9b:1::/48', // NAT64 of a network's own, with the IPv4 address at a place of its choice (RFC 8215, RFC 6052)
  '2002::/16', // 6to4
  '2001::/32', // Teredo
]

/** What an administrator has set, and where the API server is: ranges (CIDR) and addresses. */
export interface AddressRules {
  readonly allowed: readonly string[]
  readonly refused: readonly string[]
  readonly apiServer: readonly string[]
}

/** Says why an address must not be connected to; `undefined`: it may. Throws when a range is none. */
export const refusalOf = (rules: AddressRules): ((address: string) => string | undefined) => {
  const [known, disguising] = [blockListOf(refusedRanges), blockListOf(disguisingRanges)]
  const [allowed, refused] = [blockListOf(rules.allowed), blockListOf(rules.refused)]
  const apiServer = blockListOf(rules.apiServer)
  return (written) => {
    const address = plainOf(written)
    if (contains(apiServer, address)) return 'it is an address of the Kubernetes API server'
    if (contains(refused, address)) return 'the administrator of the cluster refuses its address'
    if (contains(allowed, address)) return undefined
    if (contains(known, address)) return 'loopback, link-local and metadata addresses are refused'
    if (contains(disguising, address)) return 'addresses that may stand for any other are refused'
    return undefined
  }
}

const blockListOf = (ranges: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const range of ranges) {
    const [net = '', bits] = range.split('/')
    const family = isIP(net)
    const longest = family === 6 ? 128 : 32
    const length = bits === undefined ? longest : /^\d+$/.test(bits) ? Number(bits) : NaN
    if (family === 0 || !(length <= longest)) throw new Error(`"${range}" is no range of addresses`)
    list.addSubnet(net, length, family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}

const contains = (list: BlockList, address: string): boolean =>
  list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** Without its zone; of an IPv6 address that holds an IPv4 one which is taken out of it again, that one. */
const plainOf = (address: string): string => {
  const [plain = ''] = address.split('%')
  if (isIP(plain) !== 6) return plain
  const { hostname } = new URL(`http://[${plain}]`)
  const match =
    /^\[(?:64:ff9b::|::ffff:0:(?=[\da-f]+:)|::ffff:(?=[\da-f]+:)|::(?=[\da-f]+:))(?:([\da-f]+):)?([\da-f]*)\]$/.exec(
      hostname,
    )
  if (match === null) return plain
  const halves = [match[1] ?? '0', match[2] ?? '0'].map((half) =>
    half === '' ? 0 : Number.parseInt(half, 16),
  )
  return halves.flatMap((half) => [half >> 8, half & 255]).join('.')
}
