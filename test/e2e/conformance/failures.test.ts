/**
 * Keptn's scenarios of checks that fail, or that can't begin.
 *
 * Where design.md decides otherwise than Keptn: pods of a workload whose own check failed stay held, and a failed task says
 * in its message what its container said last.
 *
 * All of them run side by side, each in a namespace of its own: jest does that with concurrent tests of one level alone.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import { Job } from '../../../api/kubernetes.ts'
import { expectHeld } from '../world.ts'
import {
  appContext,
  endless,
  evaluationDefinition,
  failing,
  metric,
  namespaceOf,
  passing,
  waiter,
  workload,
  type Manifest,
} from './objects.ts'
import { completedApp, completedWorkload, failedApp, failedWorkload } from './statuses.ts'
import { lookInto, startMetricSource, startWorld, until, type World } from './world.ts'

let world: World
let source: { readonly url: string; readonly close: () => void }

beforeAll(async () => {
  world = await startWorld('conformance-failures')
  source = await startMetricSource(world.cluster.hostAddress)
}, 300_000)

afterAll(async () => {
  source.close()
  await world.down()
}, 60_000)

const appVersionName = 'waiter-0.4-6b86b273'
const workloadVersionName = 'waiter-waiter-0.4'

interface Scenario {
  readonly namespace: string
  /** The checks of the app. */
  readonly app?: object
  /** The checks of the workload, as annotations. */
  readonly workload?: Readonly<Record<string, string>>
  readonly definitions?: readonly Manifest[]
}

/** Deploys one workload, whose app has checks of its own. */
const deploy = async ({
  namespace,
  app = {},
  workload: checks = {},
  definitions = [],
}: Scenario) => {
  await world.write(
    namespaceOf(namespace),
    ...definitions,
    appContext(namespace, 'waiter', app),
    workload({ namespace, onTemplate: waiter('0.4', checks) }),
  )
  return lookInto(world, namespace)
}

const onlyOne = <T>(list: readonly T[]): T => {
  const [only, ...others] = list
  expect(others).toEqual([])
  if (only === undefined) throw new Error('There is none')
  return only
}

test.concurrent.each([
  {
    when: 'at once',
    namespace: 'app-task',
    definition: failing,
    spec: { retries: 0 },
    outcome: { reason: 'BackoffLimitExceeded', runs: 1 },
  },
  {
    when: 'by its timeout',
    namespace: 'app-task-timeout',
    definition: endless,
    spec: { retries: 0, timeout: '2s' },
    outcome: { reason: 'DeadlineExceeded', runs: 1 },
  },
  {
    when: 'after all its retries',
    namespace: 'app-task-retries',
    definition: failing,
    spec: { retries: 1 },
    outcome: { reason: 'BackoffLimitExceeded', runs: 2 },
  },
])(
  "a task before an app's deployment fails $when",
  async ({ namespace, definition, spec, outcome: { reason, runs } }) => {
    const here = await deploy({
      namespace,
      app: { preDeploymentTasks: ['check'] },
      definitions: [definition(namespace, 'check', spec)],
    })

    const version = await here.comesTo(
      KeptnAppVersion,
      appVersionName,
      failedApp('AppPreDeployTasks'),
    )
    const task = onlyOne(await here.list(KeptnTask))
    expect(task.status).toMatchObject({ status: 'Failed', reason })
    expect(task.spec).toMatchObject({ ...spec, checkType: 'pre' })
    const job = onlyOne(await here.list(Job))
    expect(job.metadata.name).toBe(task.status?.jobName)
    expect(job.spec.backoffLimit).toBe(task.spec.retries)
    expect(job.status?.failed).toBe(runs)
    expect(version.status?.preDeploymentTaskStatus).toMatchObject([
      { definitionName: 'check', name: task.metadata.name, status: 'Failed' },
    ])
    const reasons = await here.reasons(version, 'AppPreDeployTasksFailed')
    expect(reasons.filter((each) => each.startsWith('AppPreDeployEvaluations'))).toEqual([])

    const waiting = await here.get(KeptnWorkloadVersion, workloadVersionName)
    expect(waiting.status).toMatchObject({ deploymentStatus: 'Pending', status: 'Pending' })
    expectHeld(await here.pods())
  },
)

test.concurrent.each([10, 2])(
  "an evaluation before an app's deployment fails after %i tries",
  async (retries) => {
    const namespace = `app-evaluation-${retries}`
    const here = await deploy({
      namespace,
      app: { preDeploymentTasks: ['before'], preDeploymentEvaluations: ['check'] },
      definitions: [
        ...metric(namespace, source.url),
        passing(namespace, 'before'),
        evaluationDefinition(namespace, 'check', '>6', { retries }),
      ],
    })

    const version = await here.comesTo(
      KeptnAppVersion,
      appVersionName,
      failedApp('AppPreDeployEvaluations'),
    )
    const evaluation = onlyOne(await here.list(KeptnEvaluation))
    expect(evaluation.spec).toMatchObject({
      checkType: 'pre-eval',
      appName: 'waiter',
      appVersion: '0.4',
      evaluationDefinition: 'check',
      retries,
      retryInterval: '1s',
    })
    expect(evaluation.status).toMatchObject({
      overallStatus: 'Failed',
      retryCount: retries,
      evaluationStatus: {
        answer: {
          value: '5',
          status: 'Failed',
          message: "value '5' did not meet objective '>6'",
        },
      },
    })
    await here.reasons(version, 'AppPreDeployEvaluationsFailed')
    expectHeld(await here.pods())
  },
)

test.concurrent("a task after an app's deployment fails", async () => {
  const namespace = 'app-post-task'
  const here = await deploy({
    namespace,
    app: { postDeploymentTasks: ['check'], postDeploymentEvaluations: ['later'] },
    definitions: [failing(namespace, 'check'), evaluationDefinition(namespace, 'later', '>4')],
  })

  const failed = failedApp('AppPostDeployTasks')
  const version = await here.comesTo(KeptnAppVersion, appVersionName, failed)
  expect(await here.names(KeptnEvaluation)).toEqual([])
  const deployed = await here.get(KeptnWorkloadVersion, workloadVersionName)
  expect(deployed.status).toMatchObject(completedWorkload)
  await here.reasons(version, 'AppPostDeployTasksFailed')
})

test.concurrent("an evaluation after an app's deployment fails", async () => {
  const namespace = 'app-post-evaluation'
  const here = await deploy({
    namespace,
    app: { postDeploymentTasks: ['after'], postDeploymentEvaluations: ['good', 'bad'] },
    definitions: [
      ...metric(namespace, source.url),
      passing(namespace, 'after'),
      evaluationDefinition(namespace, 'good', '>4'),
      evaluationDefinition(namespace, 'bad', '<4'),
    ],
  })

  const failed = failedApp('AppPostDeployEvaluations')
  const version = await here.comesTo(KeptnAppVersion, appVersionName, failed)
  expect(version.status?.postDeploymentEvaluationTaskStatus).toMatchObject([
    { definitionName: 'good', status: 'Succeeded' },
    { definitionName: 'bad', status: 'Failed' },
  ])
  const deployed = await here.get(KeptnWorkloadVersion, workloadVersionName)
  expect(deployed.status).toMatchObject(completedWorkload)
  await here.reasons(version, 'AppPostDeployEvaluationsFailed')
})

test.concurrent(
  'one of two tasks of an app has no definition: the other runs, the app waits',
  async () => {
    const namespace = 'app-task-missing'
    const here = await deploy({
      namespace,
      app: { preDeploymentTasks: ['there', 'not-there'] },
      definitions: [passing(namespace, 'there')],
    })

    const succeeded = { status: 'Succeeded' }
    await until(async () => {
      expect(onlyOne(await here.list(KeptnTask))).toMatchObject({ status: succeeded })
    })
    const version = await here.comesTo(KeptnAppVersion, appVersionName, {
      preDeploymentTaskStatus: [{ definitionName: 'there', ...succeeded }],
    })
    expect(version.status).toMatchObject({
      currentPhase: 'AppPreDeployTasks',
      preDeploymentStatus: 'Pending',
      preDeploymentEvaluationStatus: 'Pending',
      workloadOverallStatus: 'Pending',
      postDeploymentStatus: 'Pending',
      postDeploymentEvaluationStatus: 'Pending',
      status: 'Progressing',
    })
    expect(onlyOne(await here.list(KeptnTask)).spec.taskDefinition).toBe('there')
    expectHeld(await here.pods())

    await world.write(passing(namespace, 'not-there'))
    await here.comesTo(KeptnAppVersion, appVersionName, completedApp)
    expect(await here.list(KeptnTask)).toHaveLength(2)
  },
)

test.concurrent("a workload's task fails: its pods stay held, unlike with Keptn", async () => {
  const namespace = 'workload-task'
  const here = await deploy({
    namespace,
    workload: { 'keptn.sh/pre-deployment-tasks': 'check' },
    definitions: [failing(namespace, 'check')],
  })

  const app = await here.comesTo(KeptnAppVersion, appVersionName, failedApp('AppDeploy'))
  expect(app.status?.workloadStatus).toEqual([
    { workload: { name: 'waiter', version: '0.4' }, status: 'Failed' },
  ])
  const version = await here.get(KeptnWorkloadVersion, workloadVersionName)
  expect(version.status).toMatchObject(failedWorkload('WorkloadPreDeployTasks'))
  await here.reasons(version, 'WorkloadPreDeployTasksFailed')
  await here.reasons(app, 'AppDeployFailed')
  expectHeld(await here.pods())
})

test.concurrent.each([
  ['task', 'keptn.sh/pre-deployment-tasks', 'WorkloadPreDeployTasks', 'preDeploymentStatus'],
  [
    'evaluation',
    'keptn.sh/pre-deployment-evaluations',
    'WorkloadPreDeployEvaluations',
    'preDeploymentEvaluationStatus',
  ],
] as const)(
  "a workload's %s has no definition: the version waits",
  async (what, key, currentPhase, state) => {
    const namespace = `workload-no-${what}`
    const here = await deploy({ namespace, workload: { [key]: 'not-there' } })

    const version = await here.comesTo(KeptnWorkloadVersion, workloadVersionName, {
      currentPhase,
      [state]: 'Pending',
      deploymentStatus: 'Pending',
      postDeploymentStatus: 'Pending',
      postDeploymentEvaluationStatus: 'Pending',
      status: 'Progressing',
    })
    await here.comesTo(KeptnAppVersion, appVersionName, {
      currentPhase: 'AppDeploy',
      workloadOverallStatus: 'Progressing',
      status: 'Progressing',
    })
    expect(await here.names(KeptnTask)).toEqual([])
    expect(await here.names(KeptnEvaluation)).toEqual([])
    expect(version.status?.conditions?.find(({ type }) => type === 'Stalled')?.message).toContain(
      '"not-there"',
    )
    expectHeld(await here.pods())
  },
)
