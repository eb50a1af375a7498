import { describe, expect, test } from '@jest/globals'
import {
  KeptnApp,
  type KeptnConfig,
  KeptnTask,
  newObject,
  type State,
  type StatusOf,
} from '../../../api/index.ts'
import type { KubeObject, ObjectOf, ResourceType } from '../../../api/object.ts'

const metadata = { name: 'check', namespace: 'shop' }
const stored = {
  ...metadata,
  uid: '1',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
}
const task: KeptnTask = {
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTask',
  metadata: stored,
  spec: { taskDefinition: 'notify', retries: 10, timeout: '5m' },
  status: { status: 'Pending' },
}

// What is refused here is refused by the compiler: `tsc` fails when an expectation is not met.
describe('The types of a kind', () => {
  test('tie the kind to its object', () => {
    const read = <T extends KubeObject>(_type: ResourceType<T>, object: NoInfer<T>): T => object
    expect(read(KeptnTask, task).spec.taskDefinition).toBe('notify')
    // @ts-expect-error A task is not an app.
    expect(read(KeptnApp, task)).toBe(task)
  })

  test('know the states', () => {
    const status: StatusOf<KeptnTask> = { status: 'Succeeded' }
    // @ts-expect-error Not one of the words.
    const wrong: StatusOf<KeptnTask> = { status: 'Done' }
    const state: State = status.status
    expect([state, wrong.status]).toEqual(['Succeeded', 'Done'])
  })

  test('are readonly all the way down', () => {
    const change = (object: KeptnTask) => {
      // @ts-expect-error What was read is not changed in place.
      object.spec.retries = 0
    }
    expect(change).toBeInstanceOf(Function)
  })

  test('know that a default is there when read', () => {
    const retries: number = task.spec.retries
    const blocks = (config: KeptnConfig): boolean => config.spec.blockDeployment
    expect([retries, blocks.length]).toEqual([10, 1])
  })

  test('do not demand a default when written, but all else', () => {
    const made = newObject(KeptnTask, { metadata, spec: { taskDefinition: 'notify' } })
    // @ts-expect-error The definition is missing.
    newObject(KeptnTask, { metadata, spec: {} })
    // @ts-expect-error No such field.
    newObject(KeptnTask, { metadata, spec: { taskDefinition: 'notify', repeats: 1 } })
    expect(made).toEqual({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnTask',
      metadata,
      spec: { taskDefinition: 'notify' },
    })
  })

  test('are what a request for the kind returns', () => {
    const same = (object: ObjectOf<typeof KeptnTask>): KeptnTask => object
    expect(same(task)).toBe(task)
  })
})
