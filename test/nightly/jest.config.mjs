import { fileURLToPath } from 'node:url'
import { project } from '../../jest.config.mjs'

// What fails here has its seed in its message.
process.env['PROPERTY_SEED'] ??= 'random'

/** Tests that take long, most of them because of programs that are built for them: `npm run test:nightly`, and never with `npm test`. */
export default {
  rootDir: fileURLToPath(new URL('../..', import.meta.url)),
  ...project('nightly', ['<rootDir>/test/nightly/**/*.test.ts']),
  watchman: false,
  testTimeout: 120_000,
  reporters: ['<rootDir>/test/reporter.mjs'],
}
