import { expect, test } from '@jest/globals'
import { createEvaluation, createTask, namesIn, nameOfChild } from '../../../lifecycle/children.ts'
import { appPhases, workloadPhases } from '../../../lifecycle/phases.ts'
import { appVersion, evaluationDefinition, parent, taskDefinition } from './objects.ts'

const [preTasks, preEvaluations, , postTasks] = workloadPhases

test('names of definitions are trimmed, and each counts once', () => {
  expect(namesIn(['a', ' b ', '', ' ', 'a'])).toEqual(['a', 'b'])
  expect(namesIn(undefined)).toEqual([])
})

test('the name of a child follows from its parent, its phase and its definition', () => {
  const name = nameOfChild(parent(), preTasks, 'smoke')
  expect(name).toMatch(/^pre-smoke-[0-9a-f]{10}$/)
  expect(nameOfChild(parent(), preTasks, 'smoke')).toBe(name)
  const others = [
    nameOfChild(parent({ object: appVersion() }), preTasks, 'smoke'),
    nameOfChild(parent(), postTasks, 'smoke'),
    nameOfChild(parent(), appPhases[0], 'smoke'),
    nameOfChild(parent(), preTasks, 'smokes'),
  ]
  expect(new Set([name, ...others]).size).toBe(5)
})

test('a task gets labels and annotations of its definition, but for what kubectl remembers', () => {
  const definition = taskDefinition('smoke', {
    labels: { team: 'cart' },
    annotations: { note: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
  })
  const { object } = createTask(parent({ metadata: { region: 'eu' } }), preTasks, definition)
  expect(object).toMatchObject({
    metadata: {
      namespace: 'shop',
      labels: { team: 'cart' },
      annotations: { note: 'x' },
      ownerReferences: [{ kind: 'KeptnWorkloadVersion', uid: 'uid-shop-cart-2', controller: true }],
    },
    spec: {
      taskDefinition: 'smoke',
      checkType: 'pre',
      retries: 3,
      timeout: '1m0s',
      context: {
        appName: 'shop',
        appVersion: '',
        workloadName: 'shop-cart',
        workloadVersion: '2',
        taskType: 'pre',
        objectType: 'Workload',
        metadata: { region: 'eu' },
      },
    },
  })
  expect(Object.keys(object.metadata.annotations ?? {})).toEqual(['note'])
})

test('an evaluation of an app belongs to no workload', () => {
  const app = parent({
    object: appVersion(),
    objectType: 'App',
    appVersion: '1',
    workloadName: '',
    workloadVersion: '',
  })
  expect(createEvaluation(app, preEvaluations, evaluationDefinition('slo')).object).toMatchObject({
    spec: { appName: 'shop', appVersion: '1', workload: '', workloadVersion: '' },
  })
})
