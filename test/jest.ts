/** Runs jest with ES modules: `node test/jest.ts [jest arguments]`. */
import { runJest } from './steps.ts'

process.exitCode = await runJest(process.argv.slice(2))
