/**
 * @module
 * What a node changes on the machine outside of its own folder, because no setting keeps it from doing so. It is
 * remembered before the first node on the machine starts, and put back after the last is gone.
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { withLock } from './lock.ts'

const kernelSettings = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
] as const

/** Folders that kubelet, containerd and the CNI plugins make, the inner ones first. */
const folders = [
  '/var/lib/kubelet/device-plugins',
  '/var/lib/kubelet',
  '/var/log/containers',
  '/var/log/pods',
  '/var/lib/cni/results',
  '/var/lib/cni',
  '/run/containerd/s',
  '/run/containerd',
] as const

interface Remembered {
  readonly settings: Readonly<Record<string, string>>
  readonly missing: readonly string[]
}

const home = '/run/gatekept'
const memory = join(home, 'before.json')
const fileOf = (setting: string): string => join('/proc/sys', setting)

/** Remembers the machine as it is, unless that was done, and makes the folder that stands for one node. */
export const rememberMachine = (nodeFolder: string): Promise<void> =>
  withLock(home, () => {
    mkdirSync(nodeFolder, { recursive: true, mode: 0o700 })
    if (!existsSync(memory)) {
      const values = kernelSettings.map((name) => [name, readFileSync(fileOf(name), 'utf8')])
      const before: Remembered = {
        settings: Object.fromEntries(values) as Record<string, string>,
        missing: folders.filter((folder) => !existsSync(folder)),
      }
      writeFileSync(memory, JSON.stringify(before))
    }
    return Promise.resolve()
  })

/** Puts the machine back as it was, if no cluster on it has a node any more. */
export const restoreMachine = (): Promise<void> =>
  withLock(home, () => {
    if (existsSync(memory) && readdirSync(home).length === 1) restore()
    return Promise.resolve()
  })

const restore = (): void => {
  const { missing, settings } = JSON.parse(readFileSync(memory, 'utf8')) as Remembered
  for (const [name, value] of Object.entries(settings)) writeFileSync(fileOf(name), value)
  // The socket of the last kubelet, which no cluster has for itself.
  if (missing.includes(folders[0])) rmSync(folders[0], { recursive: true, force: true })
  for (const folder of missing) removeIfEmpty(folder)
  rmSync(memory)
  rmdirSync(home)
}

const removeIfEmpty = (folder: string): void => {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder)
}
