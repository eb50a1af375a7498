/**
 * @module
 * Where clusters live. Each has a network namespace with its own loopback, ports and nftables, and one link to
 * the machine's own network:
 *
 *     host end 10.213.0.N  <-- veth -->  node 10.213.0.N+1  --  bridge "pods" 10.214.x.1/22
 *
 * Addresses differ from cluster to cluster and the machine has routes to them, so a test on the machine reaches
 * the API server, pods and services, and a pod reaches a server that a test runs on the host end. There is no
 * default route: nothing a cluster does leaves the machine.
 */
import { readdirSync } from 'node:fs'
import { ClusterError, run } from './run.ts'

/** The addresses of one cluster, all derived from its slot. */
export interface Network {
  readonly slot: number
  /** The network namespace's name, or undefined for the machine's own network. */
  readonly namespace: string | undefined
  /** The machine's end of the link, or the bridge in the machine's own network. */
  readonly link: string
  /** Where a process outside the cluster is reached from inside. */
  readonly hostAddress: string
  readonly nodeAddress: string
  readonly podRange: string
  readonly podGateway: string
  readonly serviceRange: string
  readonly apiServiceAddress: string
  readonly dnsAddress: string
}

const slots = 63
/** The slot of the machine's own network. One cluster at most is there, since its proxy has one nftables. */
export const hostSlot = slots

/** The addresses of a slot; a pure function, so that a record of the slot is a record of them all. */
export const networkOf = (slot: number, namespace: string | undefined): Network => {
  const pods = `10.214.${slot * 4}`
  const services = `10.${216 + Math.floor(slot / 16)}.${(slot % 16) * 16}`
  const podGateway = `${pods}.1`
  return {
    slot,
    namespace,
    link: namespace === undefined ? 'gatekept-pods' : `gatekept-${slot}`,
    hostAddress: namespace === undefined ? podGateway : `10.213.0.${slot * 4 + 1}`,
    nodeAddress: namespace === undefined ? podGateway : `10.213.0.${slot * 4 + 2}`,
    podRange: `${pods}.0/22`,
    podGateway,
    serviceRange: `${services}.0/20`,
    apiServiceAddress: `${services}.1`,
    dnsAddress: `${services}.10`,
  }
}

const toNumber = (address: string): number =>
  address.split('.').reduce((total, part) => total * 256 + Number(part), 0)

/** Whether two IPv4 ranges (`address/bits`; no bits: one address) share an address. */
export const overlap = (one: string, other: string): boolean => {
  const [[start, bits], [otherStart, otherBits]] = [parse(one), parse(other)]
  const size = 2 ** (32 - Math.min(bits, otherBits))
  return Math.floor(start / size) === Math.floor(otherStart / size)
}

const parse = (range: string): [start: number, bits: number] => {
  const [address = '', bits = '32'] = range.split('/')
  return [toNumber(address), Number(bits)]
}

const rangesInUse = async (): Promise<string[]> => {
  const routes = JSON.parse(await run(['ip', '-4', '-json', 'route'])) as { dst: string }[]
  return routes.map(({ dst }) => dst).filter((dst) => dst !== 'default')
}

const isFree = (network: Network, used: readonly string[]): boolean =>
  [`${network.hostAddress}/30`, network.podRange, network.serviceRange].every((range) =>
    used.every((other) => !overlap(range, other)),
  )

const exists = (link: string): boolean => readdirSync('/sys/class/net').includes(link)

const batch = (lines: readonly string[], namespace?: string): Promise<string> =>
  run(['ip', ...(namespace === undefined ? [] : ['-n', namespace]), '-batch', '-'], {
    input: lines.join('\n'),
  })

// A bridge without an address of its own takes the lowest of its ports', and changes it under the pods' feet.
const bridgeMac = '02:67:6b:00:00:01'

const bridge = (name: string, { podGateway }: Network): string[] => [
  `link add ${name} address ${bridgeMac} type bridge`,
  `address add ${podGateway}/22 dev ${name}`,
  `link set ${name} up`,
]

/** Takes a slot by making its link: the kernel lets one process have a name, and forgets it with the link. */
const takeSlot = async (namespace: string): Promise<Network> => {
  const used = await rangesInUse()
  for (let slot = 0; slot < slots; slot += 1) {
    const network = networkOf(slot, namespace)
    if (exists(network.link) || !isFree(network, used)) continue
    const made = await run([
      ...(['ip', 'link', 'add', network.link, 'type', 'veth'] as const),
      ...['peer', 'name', 'uplink', 'netns', namespace],
    ]).catch((cause: unknown) => {
      if (exists(network.link)) return undefined // Another cluster was quicker.
      throw cause
    })
    if (made !== undefined) return network
  }
  throw new ClusterError(
    `Cannot find a free slot for a cluster: all ${slots} are taken, or the machine routes ` +
      '10.213.0.0/24, 10.214.0.0/16 and 10.216.0.0/14 elsewhere; see "npm run cluster -- status"',
  )
}

const createOwn = async (namespace: string, node: boolean): Promise<Network> => {
  await run(['ip', 'netns', 'add', namespace])
  const network = await takeSlot(namespace)
  const { hostAddress, link, nodeAddress, podRange, serviceRange } = network
  await batch(
    [
      'link set lo up',
      `address add ${nodeAddress}/30 dev uplink`,
      'link set uplink up',
      ...(node ? bridge('pods', network) : []),
    ],
    namespace,
  )
  await batch([
    `address add ${hostAddress}/30 dev ${link}`,
    `link set ${link} up`,
    `route add ${serviceRange} via ${nodeAddress}`,
    ...(node ? [`route add ${podRange} via ${nodeAddress}`] : []),
  ])
  if (node) await inside(network, ['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward'])
  return network
}

/**
 * Throws unless a cluster can be in the machine's own network. To be asked before anything is recorded or made:
 * afterwards, what is found there counts as the cluster's own.
 */
export const requireHostNetwork = async (): Promise<void> => {
  const network = networkOf(hostSlot, undefined)
  const advice = 'start the cluster without --host-network'
  if (exists(network.link)) {
    throw new ClusterError(
      "Cannot start a second cluster in the machine's own network: end the first with " +
        `"npm run cluster -- down --all", or ${advice}`,
    )
  }
  if (/^table ip6? kube-proxy$/m.test(await run(['nft', 'list', 'tables']))) {
    throw new ClusterError(
      `Cannot use the machine's own network: the proxy of another Kubernetes is at work there; ${advice}`,
    )
  }
  if (!isFree(network, await rangesInUse())) {
    throw new ClusterError(
      `Cannot use the machine's own network: it already routes part of ${network.podRange} or ` +
        `${network.serviceRange}; ${advice}`,
    )
  }
}

const createOnHost = async (): Promise<Network> => {
  const network = networkOf(hostSlot, undefined)
  const { link } = network
  await batch(bridge(link, network))
  // Only what comes from pods is forwarded: the machine as a whole does not become a router.
  await run(['sh', '-c', `echo 1 >/proc/sys/net/ipv4/conf/${link}/forwarding`])
  await run(['nft', '-f', '-'], { input: fence(link) })
  return network
}

/** Keeps what pods send from leaving the machine by another link. */
const fence = (link: string): string => `table ip gatekept-fence {
  chain forward {
    type filter hook forward priority filter
    iifname "${link}" oifname != "${link}" drop
  }
}`

/**
 * Makes the network of a cluster, in a namespace of this name or in the machine's own.
 *
 * Throws a `ClusterError` if there is no room for it.
 */
export const createNetwork = (namespace: string | undefined, node: boolean): Promise<Network> =>
  namespace === undefined ? createOnHost() : createOwn(namespace, node)

/** Removes what `createNetwork` made and what kube-proxy left; harmless if it is gone already. */
export const removeNetwork = async (
  namespace: string | undefined,
  slot: number | undefined,
): Promise<void> => {
  if (namespace === undefined) {
    if (slot !== hostSlot) return
    const tables = ['ip kube-proxy', 'ip6 kube-proxy', 'ip gatekept-fence']
    // "destroy" would not mind a missing table, but Debian 12's nft does not know it.
    for (const table of tables) {
      await run(['nft', '-f', '-'], { input: `add table ${table}\ndelete table ${table}\n` })
    }
  }
  const link = slot === undefined ? undefined : networkOf(slot, namespace).link
  if (link !== undefined && exists(link)) await run(['ip', 'link', 'delete', link])
  if (namespace !== undefined && namespaces().includes(namespace)) {
    await run(['ip', 'netns', 'delete', namespace])
  }
}

/**
 * Throws if there is a network namespace of this name. To be asked before anything is recorded: afterwards, it
 * counts as the cluster's own.
 */
export const requireFreeNamespace = (namespace: string | undefined): void => {
  if (namespace === undefined || !namespaces().includes(namespace)) return
  throw new ClusterError(
    `Cannot make network namespace "${namespace}": there is one, of a cluster with another state folder; ` +
      `choose another name, or if that cluster is gone, "ip netns delete ${namespace}"`,
  )
}

const namespaces = (): string[] => {
  try {
    return readdirSync('/run/netns')
  } catch {
    return [] // No namespace was ever made on this machine.
  }
}

/** The words before a command that put it into the cluster's network. */
export const entering = ({ namespace }: Network): string[] =>
  // "ip netns exec" would also mount another /sys, which hides the cgroups.
  namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${namespace}`]

/** Runs a command in the cluster's network and gives its output. */
export const inside = (network: Network, command: readonly string[]): Promise<string> => {
  const [program = 'true', ...args] = [...entering(network), ...command]
  return run([program, ...args], { timeoutMs: 600_000 })
}

/** Throws if another process holds one of the ports, saying which. */
export const requirePorts = async (network: Network, ports: readonly number[]): Promise<void> => {
  const listening = await inside(network, ['ss', '-Hltnp'])
  const taken = listening.split('\n').find((line) => isTaken(line, network.nodeAddress, ports))
  if (taken === undefined) return
  const fields = taken.trim().split(/\s+/)
  const holder = /"(.+?)",pid=(\d+)/.exec(taken)
  const by = holder === null ? '' : ` by "${holder[1] ?? ''}" (process ${holder[2] ?? ''})`
  throw new ClusterError(
    `Cannot start the cluster: its port is taken, ${fields[3] ?? ''}${by}; end that process, or ` +
      'start the cluster without --host-network',
  )
}

const isTaken = (line: string, address: string, ports: readonly number[]): boolean => {
  const local = line.trim().split(/\s+/)[3] ?? ''
  const separator = local.lastIndexOf(':')
  const listensOn = local.slice(0, separator)
  const collides = ['0.0.0.0', '*', '[::]', address].includes(listensOn)
  return collides && ports.includes(Number(local.slice(separator + 1)))
}
