/**
 * Plants a bug in a copy of the sources, and lets the simulation look for it there.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mutant } from './list.ts'

const root = join(import.meta.dirname, '..', '..', '..')

/** What a process of the controller and of the webhook is made of, and the simulation. */
const sources = [
  'package.json',
  'api',
  'certs',
  'controller',
  'gate',
  'identity',
  'kube',
  'lifecycle',
  'metrics',
  'telemetry',
  'webhook',
  'test/simulation',
]

/** How a hunt has ended. */
export type Hunt =
  | { readonly kind: 'caught'; readonly seed: number; readonly complaint: string }
  | { readonly kind: 'survived' }
  | { readonly kind: 'broken'; readonly output: string }

/** Text with the bug in it. Throws when there is not exactly one place for it. */
export const plant = (text: string, { file, find, replace, name }: Mutant): string => {
  const parts = text.split(find)
  if (parts.length === 2) return parts.join(replace)
  throw new Error(
    `Cannot plant "${name}": "${find}" occurs ${parts.length - 1} times in ${file}, and should once`,
  )
}

const copySources = async (folder: string): Promise<void> => {
  for (const source of sources) {
    await cp(join(root, source), join(folder, source), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
}

const simulate = (folder: string, lastSeed: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const args = ['--seeds', `1-${lastSeed}`, '--workers', '1', '--until-found']
    const child = spawn(process.execPath, [join(folder, 'test/simulation/main.ts'), ...args])
    let output = ''
    const collect = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', reject)
    child.on('exit', () => {
      resolve(output)
    })
  })

const read = (output: string): Hunt => {
  const [, seed, complaint] = /^seed (\d+): (.*)$/m.exec(output) ?? []
  if (seed !== undefined && complaint !== undefined) {
    return { kind: 'caught', seed: Number(seed), complaint }
  }
  return / 0 went wrong$/m.test(output) ? { kind: 'survived' } : { kind: 'broken', output }
}

/** Runs the histories of the first seeds with a bug planted, until one of them goes wrong. */
export const hunt = async (mutant: Mutant, lastSeed: number): Promise<Hunt> => {
  const folder = await mkdtemp(join(tmpdir(), 'gatekept-mutant-'))
  try {
    await copySources(folder)
    const file = join(folder, mutant.file)
    await writeFile(file, plant(await readFile(file, 'utf8'), mutant))
    return read(await simulate(folder, lastSeed))
  } finally {
    await rm(folder, { recursive: true })
  }
}
