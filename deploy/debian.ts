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
