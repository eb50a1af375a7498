/**
 * @module
 * Ends a cluster without leftovers, in whatever state it is: half made, half removed, its owner killed. Every
 * step is safe to repeat, and the folder goes last, so that an interrupted removal is found and finished.
 */
import { existsSync, readFileSync, readdirSync, readlinkSync, rmdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { componentNames, shimSockets } from './components.ts'
import { restoreMachine } from './host.ts'
import { withLock } from './lock.ts'
import type { Machine } from './machine.ts'
import { removeNetwork } from './network.ts'
import { endAll, findProcesses, identify } from './processes.ts'
import type { ProcessIdentity } from './processes.ts'
import {
  folderOf,
  isOrphaned,
  listRecords,
  namespaceOf,
  readProcess,
  readRecord,
} from './record.ts'
import type { ClusterRecord } from './record.ts'
import { run, sleep } from './run.ts'

const entriesOf = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : [])

/** The ids of all containers that were started and not yet deleted. */
const containersOf = (folder: string): string[] => entriesOf(join(folder, 'runc', 'k8s.io'))

const cgroupRoot = '/sys/fs/cgroup'
const containerGroup = 'k8s.io'

/** Where containerd puts containers: one place with version 2 of cgroups, one a controller with version 1. */
const containerGroups = (): string[] =>
  [cgroupRoot, ...readdirSync(cgroupRoot).map((entry) => join(cgroupRoot, entry))]
    .map((hierarchy) => join(hierarchy, containerGroup))
    .filter((group) => existsSync(group))

/** A cgroup with all below it, deepest first. */
const walkCgroups = (group: string): string[] => [
  ...readdirSync(group, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => walkCgroups(join(group, entry.name))),
  group,
]

/** The cgroups of the cluster's containers, and no others: other clusters' are beside them. */
const cgroupsOf = (containers: readonly string[]): string[] =>
  containerGroups()
    .flatMap((group) => containers.map((container) => join(group, container)))
    .filter((group) => existsSync(group))
    .flatMap(walkCgroups)

const contained = (containers: readonly string[]): ProcessIdentity[] =>
  cgroupsOf(containers)
    .flatMap((group) => readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n'))
    .filter((pid) => pid !== '')
    .flatMap((pid) => identify(Number(pid)) ?? [])

/** Processes of the cluster that no record names: shims and runc are started by containerd. */
const strays = (record: ClusterRecord, folder: string): ProcessIdentity[] =>
  findProcesses((program, args) => {
    const started = program.startsWith(`${record.binaries}/`) || basename(program) === 'runc'
    // Somebody's kubectl names the folder too, for its kubeconfig.
    const isOurs = started && basename(args[0] ?? '') !== 'kubectl'
    return isOurs && args.some((argument) => argument.includes(`${folder}/`))
  })

const endProcesses = async (record: ClusterRecord, folder: string): Promise<void> => {
  const components = componentNames(record).flatMap((name) => readProcess(folder, name) ?? [])
  await endAll(components)
  // What was being started at that moment may start more: look until nothing is left.
  for (let round = 0; round < 20; round += 1) {
    const left = [...strays(record, folder), ...contained(containersOf(folder))]
    if (left.length === 0) return
    await endAll(left)
  }
}

const unescape = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)))

/** The mounts below a folder, deepest first. */
const mountsBelow = (folder: string): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .filter((path) => path.startsWith(`${folder}/`))
    .reverse()

const unmountBelow = async (folder: string): Promise<void> => {
  const mounts = mountsBelow(folder)
  if (mounts.length === 0) return
  await run(['umount', ...mounts]).catch(async () => {
    // A mount that is busy for a moment (a dying process) is let go when it no longer is. The others are gone by now.
    const busy = mountsBelow(folder)
    if (busy.length === 0) return
    await run(['umount', '--lazy', ...busy])
  })
}

const removeCgroups = async (containers: readonly string[]): Promise<void> => {
  for (const group of cgroupsOf(containers)) {
    // The kernel lets go of a cgroup a little after its last process.
    for (let attempt = 0; !removed(group) && attempt < 250; attempt += 1) await sleep(20)
  }
  // The last cluster takes the common parent along; it is not empty while there is another.
  containerGroups().forEach(removed)
}

const removed = (folder: string): boolean => {
  try {
    rmdirSync(folder)
    return true
  } catch {
    return !existsSync(folder)
  }
}

/** What kubelet and the CNI plugins put where no setting reaches. */
const removeTraces = (folder: string, containers: readonly string[]): void => {
  const links = '/var/log/containers'
  for (const link of entriesOf(links).map((entry) => join(links, entry))) {
    if (readlinkSync(link).startsWith(`${folder}/`)) rmSync(link)
  }
  const results = '/var/lib/cni/results'
  const isOurs = (result: string): boolean => containers.some((id) => result.includes(id))
  for (const result of entriesOf(results).filter(isOurs)) rmSync(join(results, result))
}

const remove = async (machine: Machine, record: ClusterRecord): Promise<void> => {
  const { name, node, slot } = record
  const folder = folderOf(machine, name)
  await endProcesses(record, folder)
  await unmountBelow(folder)
  if (node) {
    const containers = containersOf(folder)
    await removeCgroups(containers)
    removeTraces(folder, containers)
    if (slot !== undefined) rmSync(shimSockets(slot), { recursive: true, force: true })
    await restoreMachine()
  }
  await removeNetwork(namespaceOf(record), slot)
  rmSync(folder, { recursive: true, force: true })
}

/** Ends a cluster and removes all that it made. Returns false if there is none of this name. */
export const removeCluster = (machine: Machine, name: string): Promise<boolean> =>
  withLock(folderOf(machine, name), async () => {
    const record = readRecord(machine, name)
    if (record === undefined) return false
    await remove(machine, record)
    return true
  })

/** Removes the clusters whose owner ended without doing so, and returns their names. */
export const sweepOrphans = async (machine: Machine): Promise<string[]> => {
  const orphans = listRecords(machine).filter(isOrphaned)
  await Promise.all(orphans.map(({ name }) => removeCluster(machine, name)))
  return orphans.map(({ name }) => name)
}
