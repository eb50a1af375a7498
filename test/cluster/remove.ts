/**
 * @module
 * Ends a cluster without leftovers, in whatever state it is: half made, half removed, its owner killed. Every
 * step is safe to repeat, and the folder goes last, so that an interrupted removal is found and finished.
 */
import { existsSync, readFileSync, readdirSync, readlinkSync, rmdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cgroupOf, componentNames, shimSockets } from './components.ts'
import { restoreKernelSettings } from './kernel.ts'
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

/** The cluster's cgroup in every hierarchy of the machine: one with version 2, one a controller with 1. */
const cgroupFolders = (name: string): string[] => {
  const root = '/sys/fs/cgroup'
  const own = cgroupOf(name)
  return [root, ...readdirSync(root).map((entry) => join(root, entry))]
    .map((hierarchy) => join(hierarchy, own))
    .filter((folder) => existsSync(folder))
}

/** A folder of cgroups with all below it, deepest first. */
const walkCgroups = (folder: string): string[] => [
  ...readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => walkCgroups(join(folder, entry.name))),
  folder,
]

const contained = (name: string): ProcessIdentity[] =>
  cgroupFolders(name)
    .flatMap(walkCgroups)
    .flatMap((folder) => readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n'))
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
    const left = [...strays(record, folder), ...(record.node ? contained(record.name) : [])]
    if (left.length === 0) return
    await endAll(left)
  }
}

const unescape = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)))

const unmountBelow = async (folder: string): Promise<void> => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .filter((path) => path.startsWith(`${folder}/`))
    .reverse()
  if (mounts.length === 0) return
  // A mount that is busy for a moment (a dying process) is let go when it no longer is.
  await run(['umount', ...mounts]).catch(() => run(['umount', '--lazy', ...mounts]))
}

const removeCgroups = async (name: string): Promise<void> => {
  for (const folder of cgroupFolders(name).flatMap(walkCgroups)) {
    for (let attempt = 0; existsSync(folder); attempt += 1) {
      try {
        rmdirSync(folder)
      } catch (error) {
        // The kernel lets go of a cgroup a little after its last process.
        if (attempt > 100) throw error
        await sleep(20)
      }
    }
  }
}

/** What kubelet and the CNI plugins put where no setting reaches. */
const removeTraces = (name: string, folder: string): void => {
  const links = '/var/log/containers'
  for (const link of entriesOf(links).map((entry) => join(links, entry))) {
    if (readlinkSync(link).startsWith(`${folder}/`)) rmSync(link)
  }
  const results = '/var/lib/cni/results'
  const ours = new RegExp(`^gatekept-${name}-[0-9a-f]{64}-`)
  for (const result of entriesOf(results).filter((entry) => ours.test(entry))) {
    rmSync(join(results, result))
  }
}

const remove = async (machine: Machine, record: ClusterRecord): Promise<void> => {
  const { name, node, slot } = record
  const folder = folderOf(machine, name)
  await endProcesses(record, folder)
  await unmountBelow(folder)
  if (node) {
    await removeCgroups(name)
    removeTraces(name, folder)
    if (slot !== undefined) rmSync(shimSockets(slot), { recursive: true, force: true })
    await restoreKernelSettings()
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
