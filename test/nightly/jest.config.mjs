import { fileURLToPath } from 'node:url'
import { project } from '../../jest.config.mjs'

/** Tests against whole programs of others, which take minutes to build: `npm run test:nightly`, and never with `npm test`. */
export default {
  rootDir: fileURLToPath(new URL('../..', import.meta.url)),
  ...project('nightly', ['<rootDir>/test/nightly/**/*.test.ts']),
  watchman: false,
  testTimeout: 120_000,
  reporters: ['<rootDir>/test/reporter.mjs'],
}
