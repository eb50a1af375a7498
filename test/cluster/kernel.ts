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

// The kubelet sets these for the whole machine, and has no setting that keeps it from doing so.
const settings = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
] as const

const folder = '/run/gatekept'
const saved = join(folder, 'kernel.json')
const fileOf = (setting: string): string => join('/proc/sys', setting)

/** Remembers the kernel settings that a kubelet changes, and makes the folder that says that one may run. */
export const saveKernelSettings = (nodeFolder: string): Promise<void> =>
  withLock(folder, () => {
    mkdirSync(nodeFolder, { recursive: true, mode: 0o700 })
    if (!existsSync(saved)) {
      const values = settings.map((setting) => [setting, readFileSync(fileOf(setting), 'utf8')])
      writeFileSync(saved, JSON.stringify(Object.fromEntries(values)))
    }
    return Promise.resolve()
  })

/** Puts the settings back once no cluster on the machine has a node any more. */
export const restoreKernelSettings = (): Promise<void> =>
  withLock(folder, () => {
    if (existsSync(saved) && readdirSync(folder).length === 1) {
      const values = JSON.parse(readFileSync(saved, 'utf8')) as Record<string, string>
      for (const [setting, value] of Object.entries(values)) writeFileSync(fileOf(setting), value)
      rmSync(saved)
      rmdirSync(folder)
    }
    return Promise.resolve()
  })
