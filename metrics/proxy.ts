/**
 * The way to sources through an HTTP proxy, where an administrator has named one: which sources are asked without it, and
 * a tunnel (CONNECT) to the others, for plain HTTP as well.
 *
 * @module
 */
import { BlockList, isIP, Socket } from 'node:net'
import { buildConnector, Pool } from 'undici'
import { isRange } from './addresses.ts'
import { ProviderError } from './source.ts'

/** What an administrator says of a proxy. */
export interface SourceProxy {
  /** Its scheme, host and port; never with credentials in it. */
  readonly url: URL
  /** Which hosts are asked without it. */
  readonly noProxy: readonly string[]
  /** Reads `user:password`, each time a tunnel is made. */
  readonly credentials?: () => Promise<string>
}

/** Asked without the proxy unless an administrator says otherwise: names of Services, and private addresses. */
export const usualNoProxy: readonly string[] = [
  '.svc',
  '.cluster.local',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
]

const hostPattern = /^(\*?\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i

/** Whether a list of hosts that are asked without the proxy may hold this. */
export const isNoProxyEntry = (entry: string): boolean => {
  if (entry === '*' || isRange(entry)) return true
  const { host, port } = splitPort(entry)
  return (isIP(host) !== 0 || hostPattern.test(host)) && (port === undefined || port <= 65_535)
}

/**
 * Tells which hosts are asked without the proxy, by the rules that Go's programs have for `NO_PROXY`: `example.com` is itself
 * and all names below it, `.example.com` and `*.example.com` these names alone, an address itself, a range (CIDR) the
 * addresses in it, `host:port` one port of it, `*` everything. Loopback always is. No name is looked up for it. Pure.
 */
export const goesDirect = (
  entries: readonly string[],
): ((host: string, port: number) => boolean) => {
  const rules = [isLocalhost, ...[...entries, '127.0.0.0/8', '::1'].map(ruleOf)]
  return (host, port) => {
    const asked = plain(host)
    return rules.some((holds) => holds(asked, port))
  }
}

type Rule = (host: string, port: number) => boolean

/** No name below it: those are refused by name, as long as the proxy would look them up. */
const isLocalhost: Rule = (asked) => asked === 'localhost'

const ruleOf = (entry: string): Rule => {
  if (entry === '*') return () => true
  if (isRange(entry)) return inRange(entry)
  const { host, port } = splitPort(entry)
  const holds = isIP(host) === 0 ? named(plain(host)) : inRange(host)
  return (asked, at) => (port === undefined || port === at) && holds(asked, at)
}

const named = (name: string): Rule => {
  const end = name.startsWith('*.') ? name.slice(1) : name
  return end.startsWith('.')
    ? (asked) => asked.endsWith(end)
    : (asked) => asked === end || asked.endsWith(`.${end}`)
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

const inRange = (range: string): Rule => {
  const [net = '', bits] = range.split('/')
  const list = new BlockList()
  list.addSubnet(net, Number(bits ?? (isIP(net) === 6 ? 128 : 32)), familyOf(net))
  return (asked) => isIP(asked) !== 0 && list.check(asked, familyOf(asked))
}

const plain = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')

const splitPort = (entry: string): { readonly host: string; readonly port: number | undefined } => {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(entry)
  const host = match?.[1] ?? match?.[2] ?? entry.replace(/^\[(.+)\]$/, '$1')
  return { host, port: match === null ? undefined : Number(match[3]) }
}

/** What a proxy answered instead of a tunnel. */
export class TunnelRefused extends Error {
  override readonly name = 'TunnelRefused'
  readonly status: number

  constructor(status: number) {
    super(
      status === 407
        ? 'it answered with status 407: its credentials are missing or wrong'
        : `it answered with status ${status}`,
    )
    this.status = status
  }
}

/** Makes tunnels through a proxy. */
export interface Tunnels {
  /** A connection to a port of a host. The proxy finds the address of a name. */
  readonly open: (host: string, port: number) => Promise<Socket>
  readonly close: () => Promise<void>
}

/** How long the proxy may take to connect a source: as long as we would. */
const patienceMs = 10_000

/** Connects to a proxy, whose own certificate is always checked. One tunnel waits for no other. */
export const createTunnels = ({ url, credentials }: SourceProxy): Tunnels => {
  const connect = buildConnector({ timeout: patienceMs, allowH2: false })
  const pool = new Pool(url.origin, { connect, headersTimeout: patienceMs })
  const hostname = url.hostname.replace(/^\[|\]$/g, '')
  return {
    open: async (host, port) => {
      const place = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
      const login = await readLogin(credentials)
      const { socket, statusCode } = await pool.connect({
        path: place,
        headers: { host: place, 'user-agent': 'gatekept', ...login },
        // Else it would be taken from the host that is asked for.
        ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
      })
      if (statusCode >= 200 && statusCode < 300 && socket instanceof Socket) return socket
      // What is on it still is the proxy's reply, which nobody needs.
      socket.on('error', () => undefined).destroy()
      throw new TunnelRefused(statusCode)
    },
    close: () => pool.destroy(),
  }
}

const readLogin = async (
  credentials: SourceProxy['credentials'],
): Promise<Record<string, string>> => {
  if (credentials === undefined) return {}
  const text = await credentials().catch((cause: unknown) => {
    // The error names a file of ours, which is nobody's business who reads a metric.
    throw new ProviderError('its credentials could not be read', { cause })
  })
  return { 'proxy-authorization': `Basic ${Buffer.from(text.trim()).toString('base64')}` }
}
