/**
 * Programs of others, built from their Go modules.
 *
 * Such a module can't be required by another if it replaces the libraries that it needs: only a main module may do that. So
 * each is built as what it is, in the folder where Go keeps it, and nothing is changed there.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { withLock } from '../cluster/lock.ts'
import { requireGo, requireSpace, thisMachine } from '../cluster/machine.ts'
import { ClusterError, run } from '../cluster/run.ts'

const goVersion = '1.26.8'
const buildGigabytes = 3

/** What is built. */
export interface Source {
  readonly module: string
  readonly version: string
  /** As in a go.sum: another content under this version is refused. */
  readonly sum: string
  /** The folder of the main package within the module. */
  readonly main: string
  /** The name of the program, and of the folder that it is kept in. */
  readonly name: string
}

/** A program that was built. */
export interface BuiltProgram {
  readonly program: string
  /** The folder of its sources. */
  readonly sources: string
}

const download = async (go: string, { module, version, sum }: Source): Promise<string> => {
  // Outside of any module: what it is downloaded for must not matter.
  const answer = await run([go, 'mod', 'download', '-json', `${module}@${version}`], {
    cwd: '/',
    timeoutMs: 600_000,
  })
  const { Dir: folder, Sum: found } = JSON.parse(answer) as { Dir: string; Sum: string }
  if (found !== sum) throw new ClusterError(`Cannot build ${module}: it is ${found}, not ${sum}`)
  return folder
}

/** Gives the program, building it the first time: a few minutes, with its libraries. */
export const ensureProgram = async (source: Source): Promise<BuiltProgram> => {
  const machine = thisMachine()
  const go = await requireGo(
    machine,
    join(import.meta.dirname, '..', 'cluster', 'containerd'),
    goVersion,
  )
  const sources = await download(go, source)
  const folder = join(machine.cacheFolder, '..', source.name)
  const program = join(folder, `${source.name}-${source.version}-${machine.arch}`)
  const build = async (): Promise<void> => {
    if (existsSync(program)) return
    await mkdir(folder, { recursive: true })
    await requireSpace(folder, buildGigabytes)
    const unfinished = `${program}.unfinished`
    const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off' }
    await run([go, 'build', '-ldflags=-s -w', '-o', unfinished, source.main], {
      cwd: sources,
      env,
      timeoutMs: 3_600_000,
    })
    await rename(unfinished, program)
  }
  await withLock(program, build)
  return { program, sources }
}
