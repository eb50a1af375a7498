/**
 * @module
 * What a cluster runs, as data: the command line of each component, how to tell that it works, and the files it
 * reads. Pure: everything follows from the cluster's layout.
 */
import { join } from 'node:path'
import { stringify } from 'yaml'
import { cniFolders } from './machine.ts'
import type { Network } from './network.ts'

/** What every cluster runs. */
export const controlPlaneComponents = [
  'etcd',
  'apiserver',
  'controller-manager',
  'scheduler',
] as const

/** What a cluster with a node runs besides. */
export const nodeComponents = ['containerd', 'kubelet', 'proxy'] as const

/** The name of a component, as the fault helpers take it. */
export type ComponentName =
  (typeof controlPlaneComponents)[number] | (typeof nodeComponents)[number]

/** Everything that decides what is run, and where its files are. */
export interface Layout {
  readonly name: string
  readonly folder: string
  readonly binaries: string
  readonly network: Network
  readonly node: boolean
  readonly policies: boolean
}

/** How a component says that it works: by a URL's 200, or by accepting on a socket. */
export type Health =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'socket'; readonly path: string }

/** How one component is started and watched. */
export interface Component {
  readonly command: readonly [program: string, ...args: string[]]
  readonly health: Health
  /** Ports it listens on, which must be free. */
  readonly ports: readonly number[]
}

/** The one node of a cluster that has one. */
export const nodeName = 'node-1'

/** Where containerd's shims listen: a path of ours would be too long for a socket. */
export const shimSockets = (slot: number): string => `/run/gatekept/${slot}`

/** The API server's address, for people, tests and components alike. */
export const serverOf = ({ nodeAddress }: Network): string => `https://${nodeAddress}:6443`

type Make = (layout: Layout) => Component

const flags = (values: Readonly<Record<string, string | number | boolean>>): string[] =>
  Object.entries(values).map(([name, value]) => `--${name}=${value}`)

const pki = ({ folder }: Layout, file: string): string => join(folder, 'pki', file)

const serving = (layout: Layout): Record<string, string> => ({
  'tls-cert-file': pki(layout, 'server.crt'),
  'tls-private-key-file': pki(layout, 'server.key'),
})

const etcd: Make = (layout) => {
  const { nodeAddress } = layout.network
  const client = `https://${nodeAddress}:2379`
  const peer = `https://${nodeAddress}:2380`
  const tls = (prefix: string): Record<string, string | boolean> => ({
    [`${prefix}cert-file`]: pki(layout, 'server.crt'),
    [`${prefix}key-file`]: pki(layout, 'server.key'),
    [`${prefix}trusted-ca-file`]: pki(layout, 'ca.crt'),
    [`${prefix}client-cert-auth`]: true,
  })
  return {
    command: [
      join(layout.binaries, 'etcd'),
      ...flags({
        'data-dir': join(layout.folder, 'etcd'),
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peer,
        'initial-advertise-peer-urls': peer,
        'initial-cluster': `default=${peer}`,
        'listen-metrics-urls': `http://${nodeAddress}:2381`,
        // A cluster that loses its machine is thrown away, so nothing need survive that.
        'unsafe-no-fsync': true,
        'quota-backend-bytes': 8 * 2 ** 30,
        ...tls(''),
        ...tls('peer-'),
      }),
    ],
    health: { kind: 'url', url: `http://${nodeAddress}:2381/readyz` },
    ports: [2379, 2380, 2381],
  }
}

const policyKinds = ['MutatingAdmissionPolicy', 'ValidatingAdmissionPolicy'] as const
const policyResources = policyKinds
  .map((kind) => kind.toLowerCase())
  .flatMap((kind) => [`${kind.slice(0, -1)}ies`, `${kind}bindings`])

/** What takes admission policies from an API server: their plugins, and the resources that they are written to. */
const withoutPolicies = {
  'disable-admission-plugins': policyKinds.join(','),
  'runtime-config': policyResources
    .map((resource) => `admissionregistration.k8s.io/v1/${resource}=false`)
    .join(','),
}

const apiserver: Make = (layout) => {
  const { folder, network } = layout
  return {
    command: [
      join(layout.binaries, 'kube-apiserver'),
      ...flags({
        ...serving(layout),
        'etcd-servers': `https://${network.nodeAddress}:2379`,
        'etcd-cafile': pki(layout, 'ca.crt'),
        'etcd-certfile': pki(layout, 'admin.crt'),
        'etcd-keyfile': pki(layout, 'admin.key'),
        'bind-address': network.nodeAddress,
        'advertise-address': network.nodeAddress,
        'secure-port': 6443,
        'cert-dir': join(folder, 'tmp'),
        'client-ca-file': pki(layout, 'ca.crt'),
        'service-cluster-ip-range': network.serviceRange,
        'service-account-issuer': 'https://kubernetes.default.svc',
        'service-account-signing-key-file': pki(layout, 'tokens.key'),
        'service-account-key-file': pki(layout, 'tokens.pub'),
        'authorization-mode': 'Node,RBAC',
        'allow-privileged': true,
        // Without a proxy for services, the endpoints themselves still reach.
        'enable-aggregator-routing': true,
        'requestheader-client-ca-file': pki(layout, 'ca.crt'),
        'requestheader-allowed-names': 'front-proxy-client',
        'requestheader-username-headers': 'X-Remote-User',
        'requestheader-group-headers': 'X-Remote-Group',
        'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
        'proxy-client-cert-file': pki(layout, 'front-proxy.crt'),
        'proxy-client-key-file': pki(layout, 'front-proxy.key'),
        'kubelet-preferred-address-types': 'InternalIP',
        'kubelet-client-certificate': pki(layout, 'admin.crt'),
        'kubelet-client-key': pki(layout, 'admin.key'),
        'audit-policy-file': join(folder, 'audit-policy.yaml'),
        'audit-log-path': join(folder, 'audit.log'),
        // One file, so that a test finds all there was; the folder goes with the cluster.
        'audit-log-maxsize': 4096,
        ...(layout.policies ? {} : withoutPolicies),
      }),
    ],
    health: { kind: 'url', url: `${serverOf(network)}/readyz` },
    ports: [6443],
  }
}

/** What the controller manager and the scheduler have in common. */
const clientFlags = (layout: Layout, user: string): Record<string, string | number | boolean> => {
  const kubeconfig = join(layout.folder, `${user}.kubeconfig`)
  return {
    ...serving(layout),
    kubeconfig,
    'authentication-kubeconfig': kubeconfig,
    'authorization-kubeconfig': kubeconfig,
    'bind-address': layout.network.nodeAddress,
    'leader-elect': false,
    // Their own limits (20 and 50 a second) would bound what a benchmark sees of ours.
    'kube-api-qps': 500,
    'kube-api-burst': 1000,
  }
}

/** The controllers that run, as the controller manager wants it said. */
const controllersOf = ({ node, policies }: Layout): readonly string[] => [
  '*',
  // Nobody renews the lease of a node that is only an object; its pods would be evicted.
  ...(node ? [] : ['-node-lifecycle-controller']),
  ...(policies ? [] : ['-validatingadmissionpolicy-status-controller']),
]

const controllerManager: Make = (layout) => ({
  command: [
    join(layout.binaries, 'kube-controller-manager'),
    ...flags({
      ...clientFlags(layout, 'controllers'),
      'service-account-private-key-file': pki(layout, 'tokens.key'),
      'root-ca-file': pki(layout, 'ca.crt'),
      'use-service-account-credentials': true,
      'cluster-signing-cert-file': pki(layout, 'ca.crt'),
      'cluster-signing-key-file': pki(layout, 'ca.key'),
      // Tests wait for it. Without an autoscaler in the cluster it does nothing.
      'horizontal-pod-autoscaler-sync-period': '1s',
      controllers: controllersOf(layout).join(','),
    }),
  ],
  health: { kind: 'url', url: `https://${layout.network.nodeAddress}:10257/healthz` },
  ports: [10257],
})

const scheduler: Make = (layout) => ({
  command: [join(layout.binaries, 'kube-scheduler'), ...flags(clientFlags(layout, 'scheduler'))],
  health: { kind: 'url', url: `https://${layout.network.nodeAddress}:10259/healthz` },
  ports: [10259],
})

/** The socket that containerd answers on. */
export const containerdSocket = (folder: string): string => join(folder, 'containerd.sock')

const containerd: Make = ({ binaries, folder }) => ({
  command: [join(binaries, 'containerd'), '--config', join(folder, 'containerd.toml')],
  health: { kind: 'socket', path: containerdSocket(folder) },
  ports: [],
})

const kubelet: Make = ({ binaries, folder, network }) => ({
  command: [
    join(binaries, 'kubelet'),
    ...flags({
      config: join(folder, 'kubelet.yaml'),
      kubeconfig: join(folder, 'node.kubeconfig'),
      'hostname-override': nodeName,
      'node-ip': network.nodeAddress,
      'root-dir': join(folder, 'kubelet'),
      'cert-dir': join(folder, 'kubelet', 'pki'),
    }),
  ],
  health: { kind: 'url', url: `http://${network.nodeAddress}:10248/healthz` },
  ports: [10248, 10250],
})

const proxy: Make = ({ binaries, folder, network }) => ({
  command: [join(binaries, 'kube-proxy'), ...flags({ config: join(folder, 'proxy.yaml') })],
  health: { kind: 'url', url: `http://${network.nodeAddress}:10256/livez` },
  ports: [10249, 10256],
})

const makers: Readonly<Record<ComponentName, Make>> = {
  etcd,
  apiserver,
  'controller-manager': controllerManager,
  scheduler,
  containerd,
  kubelet,
  proxy,
}

/** How to start and watch a component of this cluster. */
export const componentOf = (layout: Layout, name: ComponentName): Component => makers[name](layout)

/** The names of all that this cluster runs. */
export const componentNames = ({ node }: Pick<Layout, 'node'>): readonly ComponentName[] =>
  node ? [...controlPlaneComponents, ...nodeComponents] : controlPlaneComponents

/**
 * Records who called what, and pods in full: whether a pod was created with a gate is in its request. What only
 * says that components are alive is left out.
 */
export const defaultAuditPolicy = stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  omitManagedFields: true,
  rules: [
    { level: 'None', nonResourceURLs: ['/healthz*', '/livez*', '/readyz*'] },
    { level: 'None', namespaces: ['kube-node-lease'] },
    {
      level: 'RequestResponse',
      verbs: ['create', 'update', 'patch', 'delete'],
      resources: [{ group: '', resources: ['pods'] }],
    },
    { level: 'Metadata' },
  ],
})

const kubeletConfiguration = ({ folder, network }: Layout): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  failCgroupV1: false,
  cgroupDriver: 'cgroupfs',
  // A cgroup for each class of pods needs control of the machine's root cgroup, which is not ours to change.
  cgroupsPerQOS: false,
  enforceNodeAllocatable: [],
  failSwapOn: false,
  containerRuntimeEndpoint: `unix://${containerdSocket(folder)}`,
  address: network.nodeAddress,
  healthzBindAddress: network.nodeAddress,
  healthzPort: 10248,
  tlsCertFile: join(folder, 'pki', 'server.crt'),
  tlsPrivateKeyFile: join(folder, 'pki', 'server.key'),
  authentication: {
    anonymous: { enabled: false },
    x509: { clientCAFile: join(folder, 'pki', 'ca.crt') },
    webhook: { enabled: true },
  },
  authorization: { mode: 'Webhook' },
  clusterDomain: 'cluster.local',
  clusterDNS: [network.dnsAddress],
  // The machine's own name servers are out of reach from here, and meant to be.
  resolvConf: '',
  localStorageCapacityIsolation: false,
  makeIPTablesUtilChains: false,
  evictionHard: {
    'memory.available': '100Mi',
    'nodefs.available': '1%',
    'imagefs.available': '1%',
    'nodefs.inodesFree': '1%',
  },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  imageMinimumGCAge: '1000h',
  syncFrequency: '10s',
  // Two kubelets with the same folder delete each other's logs.
  podLogsDir: join(folder, 'pod-logs'),
  volumePluginDir: join(folder, 'volume-plugins'),
  kubeAPIQPS: 500,
  kubeAPIBurst: 1000,
  eventRecordQPS: 0,
  maxPods: 250,
})

const proxyConfiguration = ({ folder, network }: Layout): object => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  mode: 'nftables',
  clientConnection: { kubeconfig: join(folder, 'proxy.kubeconfig') },
  clusterCIDR: network.podRange,
  hostnameOverride: nodeName,
  bindAddress: network.nodeAddress,
  healthzBindAddress: `${network.nodeAddress}:10256`,
  metricsBindAddress: `${network.nodeAddress}:10249`,
  // Zero means: leave the kernel's own settings alone.
  conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
})

const cniConfiguration = ({ folder, name, network }: Layout): object => ({
  cniVersion: '1.0.0',
  name: `gatekept-${name}`,
  plugins: [
    {
      type: 'bridge',
      bridge: network.namespace === undefined ? network.link : 'pods',
      // The bridge has its address already; with true, the plugin would make the machine a router for good.
      isGateway: false,
      ipMasq: false,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        dataDir: join(folder, 'addresses'),
        ranges: [[{ subnet: network.podRange, gateway: network.podGateway }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
  ],
})

const containerdConfiguration = ({ folder, network }: Layout): string => {
  const text = (...path: string[]): string => JSON.stringify(join(folder, ...path))
  return `version = 3
root = ${text('containerd')}
state = ${text('containerd-state')}
[grpc]
  address = ${JSON.stringify(containerdSocket(folder))}
[plugins.'io.containerd.internal.v1.opt']
  path = ${text('containerd-opt')}
# Its socket has one place on the machine, so two clusters would fight for it.
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.shim.v1.manager']
  socket_dir = ${JSON.stringify(shimSockets(network.slot))}
[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = 'localhost/pause:1'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = ${text('registries')}
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = 'runc'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = 'io.containerd.runc.v2'
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        Root = ${text('runc')}
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ${JSON.stringify(cniFolders)}
    conf_dir = ${text('cni')}
`
}

/** The files that a node's components read, by their path inside the cluster's folder. */
export const nodeFiles = (layout: Layout): Readonly<Record<string, string>> => ({
  'kubelet.yaml': stringify(kubeletConfiguration(layout)),
  'proxy.yaml': stringify(proxyConfiguration(layout)),
  'containerd.toml': containerdConfiguration(layout),
  'cni/10-pods.conflist': JSON.stringify(cniConfiguration(layout)),
})
