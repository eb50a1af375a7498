/**
 * `npm test`: first what `npm run check` does, then the tests on a real Kubernetes. With arguments, jest alone with them.
 *
 * A failed check does not keep the tests from running: one run tells everything. The last line is the tests' count; a
 * failed check is counted in the exit code and named before.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildPrograms, ClusterError } from './cluster/cluster.ts'
import { progressOn } from './cluster/progress.ts'
import { rightsFolder } from './rights/requests.ts'
import { checks, runJest, runSteps } from './steps.ts'

/** Before any test waits for a cluster: on a machine that has none of its programs yet, they take minutes to build. */
const prepare = async (): Promise<void> => {
  const progress = progressOn(process.stderr)
  try {
    await buildPrograms(progress)
  } finally {
    progress.end()
  }
}

/** All tests, of whose clusters this run compares what was asked with what may be. */
const runAll = (): Promise<number> => {
  const folder = join(import.meta.dirname, '..', 'dist', 'rights')
  rmSync(folder, { recursive: true, force: true })
  return runJest(['--maxWorkers', '2'], { [rightsFolder]: folder })
}

const args = process.argv.slice(2)
const failed = args.length > 0 ? [] : await runSteps(checks)
if (failed.length > 0) process.stdout.write(`Failed: ${failed.join(', ')}\n`)
try {
  await prepare()
  const jest = await (args.length > 0 ? runJest(args) : runAll())
  process.exitCode = failed.length > 0 || jest !== 0 ? 1 : 0
} catch (error) {
  if (!(error instanceof ClusterError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
