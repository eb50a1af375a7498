import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { ClusterError, run } from './run.ts'
import type { Progress } from './progress.ts'

/** What a cluster needs to know of the machine it is to run on; tests pass one of their own. */
export interface Machine {
  readonly uid: number
  readonly platform: string
  readonly arch: string
  readonly path: string
  /** Where Go may be although the path does not name it: `sudo` replaces the path. */
  readonly goFolders: readonly string[]
  readonly cacheFolder: string
  readonly stateFolder: string
}

/** The machine this process runs on, with its folders as the XDG variables place them. */
export const thisMachine = (): Machine => {
  const { HOME = '/root', PATH = '', XDG_CACHE_HOME, XDG_STATE_HOME } = process.env
  return {
    uid: process.getuid?.() ?? -1,
    platform: process.platform,
    arch: process.arch,
    // Debian leaves these out of an ordinary user's path, and `su` keeps that path.
    path: [PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter),
    goFolders: ['/usr/local/go/bin', join(HOME, 'go', 'bin')],
    cacheFolder: join(XDG_CACHE_HOME ?? join(HOME, '.cache'), 'gatekept', 'cluster'),
    stateFolder: join(XDG_STATE_HOME ?? join(HOME, '.local', 'state'), 'gatekept', 'clusters'),
  }
}

/** The file that a command of this name would run, or undefined if the path holds none. */
export const findCommand = (name: string, path: string): string | undefined =>
  path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))

/** Throws unless the machine is a Linux that the components are built for, and we are its root. */
export const requireRoot = (machine: Machine): void => {
  if (machine.platform !== 'linux' || !['x64', 'arm64'].includes(machine.arch)) {
    throw new ClusterError(
      `Cannot run a cluster on ${machine.platform}/${machine.arch}: it needs Linux on x64 or arm64; ` +
        'with Docker, make one with kind instead (test/cluster/README.md)',
    )
  }
  if (machine.uid !== 0) {
    throw new ClusterError(
      'Cannot run a cluster as an ordinary user: it makes network namespaces, mounts and cgroups; ' +
        'run the same command as root, for example with sudo',
    )
  }
}

/** Throws unless the folder's disk has this much room left. Makes the folder if need be. */
export const requireSpace = async (folder: string, gigabytes: number): Promise<void> => {
  await mkdir(folder, { recursive: true })
  const { bavail, bsize } = statfsSync(folder)
  const free = (bavail * bsize) / 1e9
  if (free < gigabytes) {
    throw new ClusterError(
      `Cannot go on with ${free.toFixed(1)} GB free on the disk of "${folder}": ${gigabytes} GB are ` +
        'needed; make room there, or set XDG_CACHE_HOME and XDG_STATE_HOME to folders of another disk',
    )
  }
}

interface Requirement {
  readonly debianPackage: string
  readonly files: readonly string[]
}

const controlPlaneNeeds: readonly Requirement[] = [
  { debianPackage: 'iproute2', files: ['ip', 'ss'] },
  { debianPackage: 'openssl', files: ['openssl'] },
  { debianPackage: 'util-linux', files: ['nsenter'] },
]

const nodeNeeds: readonly Requirement[] = [
  { debianPackage: 'runc', files: ['runc'] },
  { debianPackage: 'nftables', files: ['nft'] },
  { debianPackage: 'mount', files: ['mount', 'umount'] },
]

/** Where distributions put the CNI plugins: Debian, Fedora, and the plugins' own release. */
export const cniFolders = ['/usr/lib/cni', '/usr/libexec/cni', '/opt/cni/bin'] as const

const missingPackages = (machine: Machine, node: boolean): string[] => {
  const missing = [...controlPlaneNeeds, ...(node ? nodeNeeds : [])]
    .filter(({ files }) => files.some((file) => findCommand(file, machine.path) === undefined))
    .map(({ debianPackage }) => debianPackage)
  const hasCni = cniFolders.some((folder) => existsSync(join(folder, 'bridge')))
  return node && !hasCni ? [...missing, 'containernetworking-plugins'] : missing
}

/** Installs the Debian packages whose programs are missing, by name, and says so. */
export const requirePackages = async (
  machine: Machine,
  node: boolean,
  progress: Progress,
): Promise<void> => {
  const missing = missingPackages(machine, node)
  if (missing.length === 0) return
  const names = missing.join(' ')
  if (findCommand('apt-get', machine.path) === undefined) {
    throw new ClusterError(
      `Cannot find the programs of these Debian packages: ${names}; install them as your ` +
        'distribution names them',
    )
  }
  progress.stage(`Installing Debian packages: ${names}`)
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, timeoutMs: 600_000 }
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing] as const
  // A machine that was never updated knows no packages at all.
  await run(install, options).catch(async () => {
    await run(['apt-get', 'update'], options)
    await run(install, options)
  })
}

const neededControllers = ['cpu', 'cpuset', 'memory', 'pids'] as const

/** Which kind of cgroups the machine has. */
export const cgroupVersion = (): 1 | 2 => (existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1)

/** Throws if the machine lacks a cgroup controller that containers cannot do without. */
export const requireCgroups = (): void => {
  const root = '/sys/fs/cgroup'
  const present =
    cgroupVersion() === 2
      ? new Set(readFileSync(join(root, 'cgroup.controllers'), 'utf8').trim().split(' '))
      : new Set(neededControllers.filter((name) => existsSync(join(root, name, 'tasks'))))
  const missing = neededControllers.filter((name) => !present.has(name))
  if (missing.length > 0) {
    throw new ClusterError(
      `Cannot run containers: the cgroup controllers ${missing.join(', ')} are missing below ` +
        `"${root}"; mount them or enable them on the kernel's command line, or start the control ` +
        'plane alone, which needs none',
    )
  }
}

/** The Go program to build a module with. Throws if there is none, or none that is new enough. */
export const requireGo = async (
  machine: Machine,
  module: string,
  atLeast: string,
): Promise<string> => {
  const go = findCommand('go', [machine.path, ...machine.goFolders].join(delimiter))
  const advice = `install Go ${atLeast} or newer (https://go.dev/dl) and put it on the PATH`
  if (go === undefined) throw new ClusterError(`Cannot find Go to build Kubernetes with: ${advice}`)
  // Asked inside the module, an older Go fetches the one that the module needs, where it is allowed to.
  const version = await run([go, 'env', 'GOVERSION'], { cwd: module }).catch((cause: unknown) => {
    throw new ClusterError(`Cannot build Kubernetes with the Go in "${go}": ${advice}`, { cause })
  })
  if (!isAtLeast(version.trim().replace(/^go/, ''), atLeast)) {
    throw new ClusterError(`Cannot build Kubernetes with ${version.trim()} ("${go}"): ${advice}`)
  }
  return go
}

const isAtLeast = (version: string, atLeast: string): boolean =>
  version.localeCompare(atLeast, 'en', { numeric: true }) >= 0
