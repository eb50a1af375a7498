import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import {
  attach,
  buildPrograms,
  down,
  list,
  startCluster,
  sweep,
  thisMachine,
} from '../cluster/cluster.ts'
import type { Cluster, Machine } from '../cluster/cluster.ts'
import { writeImage } from '../cluster/image.ts'
import { requireSpace } from '../cluster/machine.ts'
import { networkOf, overlap, requirePorts } from '../cluster/network.ts'
import { noProgress } from '../cluster/progress.ts'
import { run, until } from '../cluster/run.ts'

const state = mkdtempSync(join(tmpdir(), 'gatekept-cluster-test-'))
// A state folder of its own: whatever names it belongs to this file's clusters and to no other's.
const machine: Machine = { ...thisMachine(), stateFolder: join(state, 'gatekept', 'clusters') }
const prefix = `t${process.pid}`

/** Builds the programs if need be, which takes minutes the first time. */
beforeAll(() => buildPrograms(noProgress), 3_600_000)

afterEach(async () => {
  for (const { name } of list(machine)) await down(name, machine)
})

afterAll(() => rmSync(state, { recursive: true, force: true }))

const start = (suffix: string, node: boolean): Promise<Cluster> =>
  startCluster({ name: `${prefix}-${suffix}`, node, machine })

const withoutZombies = (pid: string): string => {
  try {
    const living = !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    const from = readlinkSync(`/proc/${pid}/exe`)
    return living ? `${from} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8')}` : ''
  } catch {
    return ''
  }
}

/** Whatever on the machine still speaks of this file's clusters. */
const leftovers = async (): Promise<string[]> => {
  const ours = (text: string): boolean =>
    text.includes(state) || text.includes(`gatekept-${prefix}`)
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map(withoutZombies)
  const namespaces = existsSync('/run/netns') ? readdirSync('/run/netns') : []
  const links = existsSync('/var/log/containers') ? readdirSync('/var/log/containers') : []
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const rules = (await run(['nft', 'list', 'tables'])).split('\n')
  const logs = links.map((link) => readlinkSync(join('/var/log/containers', link)))
  return [...processes, ...namespaces, ...mounts, ...rules, ...logs, ...clusterFolders()].filter(
    ours,
  )
}

const clusterFolders = (): string[] =>
  existsSync(machine.stateFolder)
    ? readdirSync(machine.stateFolder).map((name) => join(machine.stateFolder, name))
    : []

const hasAddress = (address: string): boolean =>
  Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address))

const pod = (image: string, command: readonly string[]): string => {
  // The machine's own programs stand in for an image with tools.
  const folders = ['usr', 'bin', 'lib', 'lib64'].filter((folder) => existsSync(`/${folder}`))
  return stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe' },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'probe',
          image,
          imagePullPolicy: 'Never',
          command,
          volumeMounts: folders.map((name) => ({ name, mountPath: `/${name}`, readOnly: true })),
        },
      ],
      volumes: folders.map((name) => ({ name, hostPath: { path: `/${name}` } })),
    },
  })
}

describe('two control planes side by side', () => {
  it('answer independently, and leave nothing', async () => {
    const [one, two] = await Promise.all([start('one', false), start('two', false)])
    await one.kubectl(['create', 'namespace', 'only-here'])
    await expect(one.kubectl(['get', 'namespaces', '-o', 'name'])).resolves.toContain('only-here')
    await expect(two.kubectl(['get', 'namespaces', '-o', 'name'])).resolves.not.toContain(
      'only-here',
    )
    expect(one.server).not.toBe(two.server)
    expect(list(machine).map(({ state }) => state)).toEqual(['ready', 'ready'])
    expect(hasAddress(one.hostAddress)).toBe(true)
    expect(await leftovers()).not.toEqual([])

    await Promise.all([one.down(), two.down()])

    expect(await leftovers()).toEqual([])
    expect(hasAddress(one.hostAddress)).toBe(false)
  })
})

describe('a control plane', () => {
  it('binds pods to a fake node, and its audit log holds them in full', async () => {
    const cluster = await start('fake', false)
    await cluster.addFakeNode('fake-1')
    const manifest = pod('localhost/none:1', ['true'])
    await cluster.kubectl(['create', '-f', '-'], manifest)
    await until({
      what: 'the pod to be bound',
      check: async () =>
        (await cluster.kubectl(['get', 'pod', 'probe', '-o', 'jsonpath={.spec.nodeName}'])) ===
        'fake-1',
    })
    const entries = readFileSync(cluster.auditLog, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { verb: string; requestObject?: { kind: string } })
    expect(
      entries.some(({ verb, requestObject }) => verb === 'create' && requestObject?.kind === 'Pod'),
    ).toBe(true)
  })

  it('is found by name, and its components can be paused, killed and restarted', async () => {
    const started = await start('faults', false)
    const cluster = attach(started.name, machine)
    const ready = (): Promise<string> =>
      cluster.kubectl(['get', '--raw=/readyz', '--request-timeout=2s'])
    cluster.pause('apiserver')
    await expect(ready()).rejects.toThrow()
    cluster.resume('apiserver')
    await expect(ready()).resolves.toBe('ok')
    await cluster.kubectl(['create', 'namespace', 'kept'])
    await cluster.kill('etcd')
    expect(list(machine)).toMatchObject([{ state: 'broken', ended: ['etcd'] }])
    await cluster.restart('etcd')
    await cluster.restart('apiserver')
    await expect(cluster.kubectl(['get', 'namespace', 'kept', '-o', 'name'])).resolves.toContain(
      'kept',
    )
  })

  it('knows no admission policies if they are not wanted, also after a restart', async () => {
    const resources = async (cluster: Cluster): Promise<string> =>
      cluster.kubectl([
        ...['api-resources', '--api-group=admissionregistration.k8s.io', '--output=name'],
        '--cached=false',
      ])
    const cluster = await startCluster({
      ...{ name: `${prefix}-policies`, node: false, machine },
      policies: false,
    })
    for (const component of ['apiserver', 'controller-manager'] as const) {
      expect(await resources(cluster)).toContain('mutatingwebhookconfigurations')
      expect(await resources(cluster)).not.toMatch(/polic/)
      await attach(cluster.name, machine).restart(component)
    }
    expect(readFileSync(join(cluster.logs, 'controller-manager.log'), 'utf8')).not.toContain(
      'AdmissionPolicy',
    )
  })

  it('reaches a server of this process on the host address', async () => {
    const cluster = await start('host', false)
    const server = createServer((socket) => socket.end('hello')).listen(0, cluster.hostAddress)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const said = await cluster.exec(['bash', '-c', `cat </dev/tcp/${cluster.hostAddress}/${port}`])
    server.close()
    expect(said).toBe('hello')
  })
})

describe('a cluster with a node', () => {
  it('runs pods that have names, logs and a way to this process, and leaves nothing', async () => {
    const cluster = await start('node', true)
    const tar = join(state, 'probe.tar')
    const image = 'localhost/probe:1'
    await writeImage({ name: image, program: '/bin/true', entrypoint: '/true', output: tar })
    await cluster.loadImage(tar)
    await cluster.kubectl(
      ['create', '-f', '-'],
      pod(image, ['bash', '-c', 'echo started; sleep 600']),
    )
    await cluster.kubectl(['wait', 'pod/probe', '--for=condition=Ready', '--timeout=60s'])
    await expect(cluster.kubectl(['logs', 'probe'])).resolves.toBe('started\n')

    const inPod = (...command: string[]): Promise<string> =>
      cluster.kubectl(['exec', 'probe', '--', ...command])
    const address = await inPod('getent', 'hosts', 'kubernetes.default')
    expect(address).toContain('kubernetes.default.svc.cluster.local')

    const server = createServer((socket) => socket.end('hello')).listen(0, cluster.hostAddress)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const said = await inPod('bash', '-c', `cat </dev/tcp/${cluster.hostAddress}/${port}`)
    server.close()
    expect(said).toBe('hello')
    await expect(inPod('bash', '-c', 'exec 3<>/dev/tcp/192.0.2.1/80')).rejects.toThrow(
      'unreachable',
    )

    // The service's address is reached from the machine too.
    const resolver = new Resolver()
    resolver.setServers([cluster.dnsAddress])
    const found = await resolver.resolve4('kubernetes.default.svc.cluster.local')
    expect(address).toContain(found[0])

    await cluster.down()
    expect(await leftovers()).toEqual([])
  })
})

describe('a cluster whose owner is killed', () => {
  const source = fileURLToPath(new URL('../cluster/cluster.ts', import.meta.url))
  const script = (name: string): string =>
    `const { startCluster } = await import(${JSON.stringify(source)})
     await startCluster({ name: '${name}', node: false, log: (line) => console.log(line) })
     console.log('ready')
     setInterval(() => undefined, 1000)`

  it.each(['Writing', 'Starting', 'ready'])(
    'at "%s" is swept without leftovers',
    async (moment) => {
      const name = `${prefix}-orphan`
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script(name)], {
        env: { ...process.env, XDG_STATE_HOME: state },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      for await (const line of child.stdout.setEncoding('utf8')) {
        if (String(line).includes(moment)) break
      }
      const ended = child.exitCode === null ? once(child, 'exit') : Promise.resolve()
      child.kill('SIGKILL')
      await ended
      expect(list(machine)).toMatchObject([{ name, state: 'orphaned' }])

      await expect(sweep(machine)).resolves.toEqual([name])

      expect(await leftovers()).toEqual([])
    },
  )
})

describe('errors say what to do', () => {
  it('not root', async () => {
    const options = { name: 'x', node: false, machine: { ...machine, uid: 1000 } }
    await expect(startCluster(options)).rejects.toThrow('as root, for example with sudo')
  })

  it('not Linux', async () => {
    const options = { name: 'x', node: false, machine: { ...machine, platform: 'darwin' } }
    await expect(startCluster(options)).rejects.toThrow('make one with kind instead')
  })

  it('no Go, and nothing built yet', async () => {
    const bare = { ...machine, path: '/nowhere', goFolders: [], cacheFolder: join(state, 'cache') }
    await expect(buildPrograms(noProgress, bare)).rejects.toThrow(/Cannot find Go .* install Go 1/)
  })

  it('no room on the disk', async () => {
    await expect(requireSpace(state, 1e9)).rejects.toThrow('make room there')
  })

  it('a port that is taken', async () => {
    const server = createServer().listen(0, '0.0.0.0')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const check = requirePorts(networkOf(0, undefined), [port])
    await expect(check).rejects.toThrow(new RegExp(`${port} by .*process ${process.pid}.*end that`))
    server.close()
  })

  it('a name that is in use', async () => {
    await start('twice', false)
    await expect(start('twice', false)).rejects.toThrow('there is one already; end it with')
    expect(list(machine)).toMatchObject([{ state: 'ready' }])
  })

  it('a component that ends at its start: the last lines of its log, and no leftovers', async () => {
    const options = { name: `${prefix}-bad`, node: false, machine, auditPolicy: 'nonsense' }
    await expect(startCluster(options)).rejects.toThrow(/apiserver .* ended.*audit/s)
    expect(await leftovers()).toEqual([])
  })

  it('a cluster that is not there', () => {
    expect(() => attach('nobody', machine)).toThrow('npm run cluster -- up --name nobody')
  })
})

describe('addresses', () => {
  it('of all slots are apart', () => {
    const ranges = Array.from({ length: 64 }, (_, slot) => networkOf(slot, 'any')).flatMap(
      ({ hostAddress, podRange, serviceRange }) => [`${hostAddress}/30`, podRange, serviceRange],
    )
    const pairs = ranges.flatMap((one, index) =>
      ranges.slice(index + 1).map((other) => ({ one, other })),
    )
    expect(pairs.filter(({ one, other }) => overlap(one, other))).toEqual([])
  })
})
