/** One project a kind of test: each says what it needs, so that `npm run check` can leave out those that need a cluster. */
export const project = (name, testMatch) => ({
  displayName: name,
  testMatch,
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  transformIgnorePatterns: ['/node_modules/'],
  testPathIgnorePatterns: ['/node_modules/', '/.cluster/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
})

export default {
  projects: [
    project('unit', ['<rootDir>/test/unit/**/*.test.ts', '<rootDir>/test/architecture.test.ts']),
    project('golden', ['<rootDir>/test/golden/**/*.test.ts']),
    project('contract', ['<rootDir>/test/contract/**/*.test.ts']),
    project('component', ['<rootDir>/test/component/**/*.test.ts']),
    project('simulation', ['<rootDir>/test/simulation/**/*.test.ts']),
    project('e2e', ['<rootDir>/test/e2e/**/*.test.ts']),
  ],
  watchman: false,
  testTimeout: 120_000,
  reporters: ['<rootDir>/test/reporter.mjs'],
}
