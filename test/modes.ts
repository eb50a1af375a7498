/**
 * `npm run test:modes`: the end-to-end tests in the modes in which `npm test` does not run them, one after the other. With
 * arguments, jest's own: those files alone.
 */
import { modes, type Mode } from './e2e/mode.ts'
import { runJest } from './steps.ts'

/** What `npm test` runs in: on the clusters of the tests they are the same. */
const usual: readonly Mode[] = ['auto', 'policy']

const args = process.argv.slice(2)
const failed: Mode[] = []
for (const mode of modes.filter((each) => !usual.includes(each))) {
  process.stdout.write(`GATEKEPT_ADMISSION=${mode}\n`)
  const jest = ['--selectProjects', 'e2e', '--maxWorkers', '2', ...args]
  if ((await runJest(jest, { GATEKEPT_ADMISSION: mode })) !== 0) failed.push(mode)
}
if (failed.length > 0) process.stdout.write(`Failed: ${failed.join(', ')}\n`)
process.exitCode = failed.length > 0 ? 1 : 0
