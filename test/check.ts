/** `npm run check`: everything that needs no cluster. */
import { checks, runJest, runSteps } from './steps.ts'

const failed = await runSteps(checks)
const jest = await runJest([
  '--selectProjects',
  'unit',
  'golden',
  'contract',
  ...process.argv.slice(2),
])
if (failed.length > 0) process.stdout.write(`Failed: ${failed.join(', ')}\n`)
process.exitCode = failed.length > 0 || jest !== 0 ? 1 : 0
