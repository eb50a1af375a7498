import { expect, test } from '@jest/globals'
import { configOf, defaultConfig } from '../../../lifecycle/config.ts'
import { keptnConfig } from './objects.ts'

test('without a KeptnConfig the defaults hold, and they are those of the schema', () => {
  expect(configOf([])).toBe(defaultConfig)
  expect(configOf([keptnConfig('keptn')])).toEqual(defaultConfig)
})

test('settings are those of the KeptnConfig', () => {
  const spec = {
    blockDeployment: false,
    observabilityTimeout: '10s',
    keptnAppCreationRequestTimeoutSeconds: 12,
    discoveryQuietSeconds: 3,
    versionHistoryLimit: 4,
    eventNames: 'keptn',
    OTelCollectorUrl: 'collector:4317',
    taskPods: { readOnlyRootFilesystem: true, defaultResources: { limits: { memory: '64Mi' } } },
  } as const
  expect(configOf([keptnConfig('keptn', spec)])).toEqual({
    blocking: false,
    observabilityTimeoutMs: 10_000,
    discoveryLimitMs: 12_000,
    discoveryQuietMs: 3_000,
    versionsKept: 4,
    eventNames: 'keptn',
    traced: true,
    taskPods: { readOnlyRootFilesystem: true, defaultResources: { limits: { memory: '64Mi' } } },
  })
})

test('of several the first by name counts, in whatever order they come', () => {
  const a = keptnConfig('a', { blockDeployment: false })
  const b = keptnConfig('b')
  expect(configOf([b, a]).blocking).toBe(false)
  expect(configOf([a, b]).blocking).toBe(false)
})

test('a timeout that cannot be understood is the default', () => {
  const config = configOf([keptnConfig('keptn', { observabilityTimeout: 'soon' })])
  expect(config.observabilityTimeoutMs).toBe(defaultConfig.observabilityTimeoutMs)
})
