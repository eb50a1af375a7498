import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdir, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeImage } from './image.ts'
import { withLock } from './lock.ts'
import { requireGo, requireSpace } from './machine.ts'
import type { Machine } from './machine.ts'
import type { Progress } from './progress.ts'
import { run } from './run.ts'

const kubernetesVersion = '1.36.3'
const goVersion = '1.26.8'
const containerdPackage = 'github.com/containerd/containerd/v2'

/** The names that the node program answers to. */
const nodePrograms = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
] as const

/** What a first build needs: modules 3 GB, Go's build cache 4 GB, and room to link. */
const buildGigabytes = 8

const sources = fileURLToPath(new URL('.', import.meta.url))

// Programs that ask a server's version refuse the "v0.0.0-master" of an unstamped build.
const stamp = (module: string): string => {
  const [major, minor] = kubernetesVersion.split('.')
  const values = {
    gitVersion: `v${kubernetesVersion}`,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: 'clean',
    gitCommit: 'unknown',
    buildDate: '2026-01-01T00:00:00Z',
  }
  return Object.entries(values)
    .map(([name, value]) => `-X ${module}.${name}=${value ?? ''}`)
    .join(' ')
}

interface Build {
  readonly shown: string
  readonly module: string
  readonly args: readonly string[]
}

const small = '-ldflags=-s -w'
const stamps = [stamp('k8s.io/component-base/version'), stamp('k8s.io/client-go/pkg/version')]

const builds: readonly Build[] = [
  {
    shown: `Kubernetes ${kubernetesVersion} and etcd`,
    module: 'node',
    args: [`${small} ${stamps.join(' ')}`, '.'],
  },
  { shown: 'the pause container', module: 'node', args: [small, './pause'] },
  {
    shown: 'containerd',
    module: 'containerd',
    args: [
      small,
      '-tags=no_btrfs,no_devmapper,no_zfs',
      ...['containerd', 'containerd-shim-runc-v2', 'ctr'].map(
        (program) => `${containerdPackage}/cmd/${program}`,
      ),
    ],
  },
  { shown: 'CoreDNS', module: 'dns', args: [small, '.'] },
  { shown: 'Helm', module: 'helm', args: [small, 'helm.sh/helm/v4/cmd/helm'] },
]

/** A name that changes with everything that goes into the binaries. */
const fingerprint = (machine: Machine): string => {
  const hash = createHash('sha256').update(JSON.stringify([machine.arch, builds]))
  for (const folder of ['node', 'node/pause', 'containerd', 'dns', 'helm']) {
    const files = readdirSync(join(sources, folder)).filter((file) => /\.(go|mod|sum)$/.test(file))
    for (const file of files.sort()) {
      hash.update(`${folder}/${file}\0`).update(readFileSync(join(sources, folder, file)))
    }
  }
  return hash
    .update(readFileSync(join(sources, 'image.ts')))
    .digest('hex')
    .slice(0, 16)
}

const buildInto = async (folder: string, machine: Machine, progress: Progress): Promise<void> => {
  const go = await requireGo(machine, join(sources, 'containerd'), goVersion)
  await requireSpace(machine.cacheFolder, buildGigabytes)
  await mkdir(folder, { recursive: true })
  const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off' }
  for (const [index, { shown, module, args }] of builds.entries()) {
    progress.stage(`Building ${shown} (${index + 1} of ${builds.length})`)
    const cwd = join(sources, module)
    await run([go, 'build', '-o', `${folder}/`, ...args], { cwd, env, timeoutMs: 3_600_000 })
  }
  progress.stage('Packing the images')
  for (const program of ['pause', 'dns']) {
    await writeImage({
      name: program === 'dns' ? 'localhost/coredns:1' : 'localhost/pause:1',
      program: join(folder, program),
      entrypoint: `/${program}`,
      output: join(folder, `${program}.tar`),
    })
    await rm(join(folder, program))
  }
  for (const name of nodePrograms) await symlink('node', join(folder, name))
}

/**
 * Gives the folder with the cluster's programs, building them the first time.
 *
 * They are kept in the user's cache under a name made of their versions and sources: another clone finds them
 * there, and a change to either makes new ones beside the old. Any number of processes may ask at once; one
 * builds. Throws a `ClusterError` that says what to do if Go or room on the disk is missing.
 */
export const ensureBinaries = async (machine: Machine, progress: Progress): Promise<string> => {
  const folder = join(machine.cacheFolder, fingerprint(machine))
  if (existsSync(folder)) return folder
  const build = async (): Promise<void> => {
    if (existsSync(folder)) return
    const unfinished = `${folder}.unfinished`
    await rm(unfinished, { recursive: true, force: true })
    try {
      await buildInto(unfinished, machine, progress)
      await rename(unfinished, folder)
    } finally {
      await rm(unfinished, { recursive: true, force: true })
    }
  }
  await withLock(folder, build, () => {
    progress.stage('Waiting for another process that is building the same programs')
  })
  return folder
}
