/**
 * `npm test`: first what `npm run check` does, then the tests on a real Kubernetes. With arguments, jest alone with them.
 *
 * A failed check does not keep the tests from running: one run tells everything. The last line is the tests' count; a
 * failed check is counted in the exit code and named before.
 */
import { checks, runJest, runSteps } from './steps.ts'

const args = process.argv.slice(2)
if (args.length > 0) {
  process.exitCode = await runJest(args)
} else {
  const failed = await runSteps(checks)
  if (failed.length > 0) process.stdout.write(`Failed: ${failed.join(', ')}\n`)
  const jest = await runJest(['--maxWorkers', '2'])
  process.exitCode = failed.length > 0 || jest !== 0 ? 1 : 0
}
