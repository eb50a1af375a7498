/** Each KeptnConfig says whether it counts, and says so anew when another one comes or goes. */
import { expect, test } from '@jest/globals'
import type { KeptnConfig } from '../../../api/index.ts'
import { createFeed } from '../../../kube/store.ts'
import { keptnConfigController } from '../../../lifecycle/keptn-config/index.ts'
import { lifecycleIndexes } from '../../../lifecycle/stores.ts'
import { keptnConfig } from './objects.ts'

const controllerOver = (configs: readonly KeptnConfig[]) => {
  const feed = createFeed<KeptnConfig>({
    project: (object) => object as KeptnConfig,
    matches: () => true,
    indexes: lifecycleIndexes.configs,
    onError: (error) => {
      throw error
    },
  })
  for (const config of configs) feed.apply('ADDED', config)
  return keptnConfigController({ stores: { configs: feed.store }, namespace: 'keptn-system' })
}

/** What is written to each of them, by its key. */
const written = async (configs: readonly KeptnConfig[]): Promise<Record<string, unknown>> => {
  const { observe, decide } = controllerOver(configs)
  const now = new Date('2026-03-01T12:00:30Z')
  const entries = configs.map(async ({ metadata: { namespace = '', name } }) => {
    const seen = await observe(`${namespace}/${name}`, now)
    const [action] = seen === undefined ? [] : decide(seen).actions
    return [`${namespace}/${name}`, action?.kind === 'patch' ? action.patch : undefined]
  })
  return Object.fromEntries(await Promise.all(entries)) as Record<string, unknown>
}

const elsewhere = (name: string): KeptnConfig => {
  const config = keptnConfig(name)
  return { ...config, metadata: { ...config.metadata, namespace: 'shop' } }
}

test('the first by name in our namespace counts, and no other', async () => {
  const all = [keptnConfig('second'), keptnConfig('first'), elsewhere('a')]
  expect(await written(all)).toEqual({
    'keptn-system/first': { metadata: { uid: 'uid-first' }, status: 'Applied' },
    'keptn-system/second': { metadata: { uid: 'uid-second' }, status: 'Ignored' },
    'shop/a': { metadata: { uid: 'uid-a' }, status: 'Ignored' },
  })
})

test('one that says so already is left alone', async () => {
  const [first, second] = [keptnConfig('first'), keptnConfig('second')]
  const said = [
    { ...first, status: 'Applied' },
    { ...second, status: 'Ignored' },
  ] as const
  expect(await written(said)).toEqual({
    'keptn-system/first': undefined,
    'keptn-system/second': undefined,
  })
})

test('a change of one is a look at all: which one counts may have changed', () => {
  const { wakes } = controllerOver([keptnConfig('first'), keptnConfig('second')])
  expect(wakes.flatMap(({ keys }) => keys(keptnConfig('gone'))).toSorted()).toEqual([
    'keptn-system/first',
    'keptn-system/second',
  ])
})
