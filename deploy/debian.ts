import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findCommand, thisMachine } from '../test/cluster/machine.ts'
import { ClusterError, run } from '../test/cluster/run.ts'

const noQuestions = { env: { DEBIAN_FRONTEND: 'noninteractive' }, timeoutMs: 600_000 }

/** Does something with apt; on a machine that was never updated, and so knows no packages, updates it first. */
const withPackageLists = (command: readonly [string, ...string[]], cwd = '/'): Promise<string> =>
  run(command, { ...noQuestions, cwd }).catch(async () => {
    await run(['apt-get', 'update'], noQuestions)
    return run(command, { ...noQuestions, cwd })
  })

/** The path of a program; installs the Debian package that holds it if the machine lacks it. */
export const requireProgram = async (
  name: string,
  debianPackage: string,
  note: (text: string) => void,
): Promise<string> => {
  const { path } = thisMachine()
  const there = findCommand(name, path)
  if (there !== undefined) return there
  if (findCommand('apt-get', path) === undefined) {
    throw new ClusterError(`Cannot find "${name}": install it as your distribution names it`)
  }
  note(`Installing Debian package: ${debianPackage}`)
  await withPackageLists(['apt-get', 'install', '-y', '--no-install-recommends', debianPackage])
  return findCommand(name, path) ?? name
}

/**
 * Unpacks a Debian package into a folder without installing it: a package that brings a server would start it on this
 * machine.
 */
export const unpackPackage = async (debianPackage: string, folder: string): Promise<void> => {
  await withPackageLists(['apt-get', 'download', debianPackage], folder)
  await run(['sh', '-c', 'dpkg-deb -x "$1"_*.deb . && rm "$1"_*.deb', 'sh', debianPackage], {
    cwd: folder,
  })
}

/**
 * Unpacks Debian packages into a folder, with all packages that they need, as if this machine had none of them; only those
 * whose names match `leftOut` are left out.
 */
export const unpackWithDependencies = async (
  debianPackages: readonly string[],
  folder: string,
  leftOut: RegExp,
): Promise<void> => {
  if (findCommand('apt-get', thisMachine().path) === undefined) {
    throw new ClusterError(
      `Cannot unpack ${debianPackages.join(', ')}: this machine has no "apt-get", the program that fetches Debian's packages`,
    )
  }
  const workplace = `${folder}.packages`
  const archives = join(workplace, 'archives')
  await mkdir(join(archives, 'partial'), { recursive: true })
  const nothingInstalled = join(workplace, 'status')
  await writeFile(nothingInstalled, '')
  await withPackageLists([
    ...(['apt-get', 'install', '-y', '--download-only', '--no-install-recommends'] as const),
    ...['-o', `Dir::State::status=${nothingInstalled}`, '-o', `Dir::Cache::archives=${archives}`],
    // What apt knows of this machine stays as it is.
    ...['-o', 'Dir::Cache::pkgcache=', '-o', 'Dir::Cache::srcpkgcache='],
    ...['-o', 'Debug::NoLocking=true'],
    ...debianPackages,
  ])
  await mkdir(folder, { recursive: true })
  const files = (await readdir(archives)).filter((file) => file.endsWith('.deb')).sort()
  for (const file of files) {
    const [name = ''] = file.split('_')
    if (!leftOut.test(name)) await run(['dpkg-deb', '-x', join(archives, file), folder])
  }
  await rm(workplace, { recursive: true })
}
