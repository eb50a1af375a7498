import { expect, test } from '@jest/globals'
import type { KeptnApp, KeptnEvaluation, KeptnTask, KeptnWorkload } from '../../../api/index.ts'
import type { KubeObject } from '../../../api/object.ts'
import { factTransition, phaseTransition } from '../../../lifecycle/transitions.ts'
import { appVersion, evaluation, metadata, task, workloadVersion } from './objects.ts'

const apiVersion = 'lifecycle.keptn.sh/v1'

const app: KeptnApp = {
  apiVersion,
  kind: 'KeptnApp',
  metadata: metadata('shop', { generation: 2 }),
  spec: { version: '1', revision: 1, workloads: [] },
}
const workload: KeptnWorkload = {
  apiVersion,
  kind: 'KeptnWorkload',
  metadata: metadata('shop-cart'),
  spec: { ...workloadVersion().spec },
}
const appTask: KeptnTask = {
  ...task('pre-smoke-1'),
  spec: {
    taskDefinition: 'smoke',
    checkType: 'pre',
    retries: 1,
    timeout: '5m0s',
    context: { appName: 'shop', appVersion: '1', workloadName: '', workloadVersion: '' },
  },
}
const workloadEvaluation: KeptnEvaluation = {
  ...evaluation('post-eval-slo-1'),
  spec: {
    evaluationDefinition: 'slo',
    checkType: 'post-eval',
    appName: 'shop',
    appVersion: '',
    workload: 'shop-cart',
    workloadVersion: '2',
    retries: 1,
    retryInterval: '5s',
  },
}

const told = (subject: KubeObject, version = '2') =>
  factTransition(
    { subject, version, eventNames: 'seeds', now: new Date('2026-03-01T12:00:00Z') },
    { reason: 'CreateX', what: 'x', message: 'x made' },
  ).attributes

const place = { namespace: 'shop', version: '2', traceparent: '' }

test.each<[string, KubeObject, object]>([
  ['KeptnApp', app, { name: 'shop', appName: 'shop', appVersion: '1', appRevision: 'd4735e3a' }],
  [
    'KeptnAppVersion',
    appVersion(),
    {
      name: 'shop-1-6b86b273',
      appName: 'shop',
      appVersion: '1',
      appVersionName: 'shop-1-6b86b273',
    },
  ],
  [
    'KeptnWorkload',
    workload,
    { name: 'shop-cart', appName: 'shop', workloadName: 'shop-cart', workloadVersion: '2' },
  ],
  [
    'KeptnWorkloadVersion',
    workloadVersion(),
    {
      name: 'shop-cart-2',
      appName: 'shop',
      workloadName: 'shop-cart',
      workloadVersion: '2',
      workloadVersionName: 'shop-cart-2',
    },
  ],
])('what is told of a %s names it', (_kind, subject, names) => {
  expect(told(subject)).toEqual({ ...place, phase: 'CreateX', ...names })
})

test('what is told of a task and an evaluation names their phase', () => {
  expect(told(appTask)).toEqual({
    ...place,
    phase: 'AppPreDeployTasks',
    name: 'pre-smoke-1',
    appName: 'shop',
    appVersion: '1',
    workloadName: '',
    workloadVersion: '',
    taskName: 'pre-smoke-1',
    taskDefinitionName: 'smoke',
  })
  expect(told(workloadEvaluation)).toEqual({
    ...place,
    phase: 'WorkloadPostDeployEvaluations',
    name: 'post-eval-slo-1',
    appName: 'shop',
    appVersion: '',
    workloadName: 'shop-cart',
    workloadVersion: '2',
    evaluationName: 'post-eval-slo-1',
    evaluationDefinitionName: 'slo',
  })
})

test('a task that was made by hand has no phase', () => {
  const { taskDefinition, context } = appTask.spec
  const spec = { taskDefinition, ...(context === undefined ? {} : { context }) }
  expect(told({ ...appTask, spec } as KubeObject)).toMatchObject({ phase: 'CreateX' })
})

test('of another kind there is its name', () => {
  const subject = { apiVersion, kind: 'KeptnTaskDefinition', metadata: metadata('smoke') }
  expect(told(subject, '')).toEqual({ ...place, name: 'smoke', phase: 'CreateX', version: '' })
})

test('a trace context of the subject comes along', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const subject = workloadVersion()
  const annotated = { ...subject.metadata, annotations: { traceparent } }
  expect(told({ ...subject, metadata: annotated })).toMatchObject({ traceparent })
})

test('all of it is short, however long a version is', () => {
  const version = '漢'.repeat(5_000)
  const attributes = told(workloadVersion({ version }), version) ?? {}
  expect(Object.values(attributes).every((value) => Buffer.byteLength(value) <= 253)).toBe(true)
})

test('a phase has its name, its name for people, and what happened', () => {
  const phase = { name: 'WorkloadDeploy', longName: 'Workload Deployment' }
  const telling = { subject: workloadVersion(), version: '2', eventNames: 'keptn' } as const
  const { phase: of, attributes } = phaseTransition(
    { ...telling, now: new Date() },
    phase,
    'Errored',
  )
  expect(of).toEqual({ ...phase, state: 'Errored' })
  expect(attributes).toMatchObject({ phase: 'WorkloadDeploy', workloadVersion: '2' })
})
