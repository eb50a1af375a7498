/**
 * @module
 * What is known of clusters lies in files, one folder for each: whoever comes later, in another process, can use
 * them and remove them completely.
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { ComponentName, Layout } from './components.ts'
import type { Machine } from './machine.ts'
import { networkOf } from './network.ts'
import { isAlive } from './processes.ts'
import type { ProcessIdentity } from './processes.ts'
import { ClusterError } from './run.ts'

/** Which network a cluster lives in: a namespace of its own, or the machine's. */
export type NetworkKind = 'own' | 'host'

/** A cluster as its folder tells of it. */
export interface ClusterRecord {
  readonly name: string
  readonly network: NetworkKind
  readonly node: boolean
  readonly policies: boolean
  readonly binaries: string
  readonly createdAt: string
  /** The process that must end the cluster; a cluster without one stays until someone ends it. */
  readonly owner: ProcessIdentity | undefined
  /** Missing until the network is made. */
  readonly slot?: number
  readonly ready: boolean
}

const fileName = 'cluster.json'

/** The folder of a cluster of this name. */
export const folderOf = (machine: Machine, name: string): string => join(machine.stateFolder, name)

/** The network namespace of a cluster, or undefined for one in the machine's own network. */
export const namespaceOf = ({ name, network }: Pick<ClusterRecord, 'name' | 'network'>) =>
  network === 'own' ? `gatekept-${name}` : undefined

const readJson = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const writeJson = (file: string, value: object): void => {
  writeFileSync(`${file}.new`, JSON.stringify(value, null, 2), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** The record of a cluster, or undefined if there is none of this name. */
export const readRecord = (machine: Machine, name: string): ClusterRecord | undefined =>
  readJson(join(folderOf(machine, name), fileName)) as ClusterRecord | undefined

/** Replaces the record of a cluster. */
export const writeRecord = (machine: Machine, record: ClusterRecord): void => {
  writeJson(join(folderOf(machine, record.name), fileName), record)
}

/** All clusters of this user, ready or not. */
export const listRecords = (machine: Machine): ClusterRecord[] =>
  existsSync(machine.stateFolder)
    ? readdirSync(machine.stateFolder).flatMap((name) => readRecord(machine, name) ?? [])
    : []

/** Takes a name by making its folder, with the record already in it. Throws if the name is in use. */
export const claimName = (machine: Machine, record: ClusterRecord): void => {
  const folder = folderOf(machine, record.name)
  const prepared = join(machine.stateFolder, `.${record.name}-${process.pid}`)
  mkdirSync(prepared, { recursive: true, mode: 0o700 })
  writeJson(join(prepared, fileName), record)
  try {
    renameSync(prepared, folder)
  } catch (cause) {
    rmSync(prepared, { recursive: true })
    throw new ClusterError(
      `Cannot start a cluster "${record.name}": there is one already; end it with ` +
        `"npm run cluster -- down --name ${record.name}", or choose another name`,
      { cause },
    )
  }
}

/** What the cluster's components are made from. Throws if its network is not made yet. */
export const layoutOf = (machine: Machine, record: ClusterRecord): Layout => {
  const { binaries, name, node, policies, slot } = record
  if (slot === undefined) {
    throw new ClusterError(`Cannot use cluster "${name}": its network is not made yet`)
  }
  const network = networkOf(slot, namespaceOf(record))
  return { name, folder: folderOf(machine, name), binaries, network, node, policies }
}

const processFile = (folder: string, component: string): string =>
  join(folder, 'run', `${component}.json`)

/** Remembers which process a component is. */
export const writeProcess = (
  folder: string,
  component: ComponentName,
  process: ProcessIdentity,
): void => writeJson(processFile(folder, component), process)

/** Which process a component is, or was; undefined if it was never started. */
export const readProcess = (
  folder: string,
  component: ComponentName,
): ProcessIdentity | undefined =>
  readJson(processFile(folder, component)) as ProcessIdentity | undefined

/** Whether the cluster's owner ended without ending the cluster. */
export const isOrphaned = ({ owner }: ClusterRecord): boolean =>
  owner !== undefined && !isAlive(owner)
