import { describe, expect, test } from '@jest/globals'
import { changes, render } from '../../../demo/render.ts'
import { viewOf } from '../../../demo/rows.ts'
import type { World } from '../../../demo/rows.ts'
import { appVersion, at, evaluation, pod, task, workloadVersion, worldOf } from './world.ts'

const medium = { columns: 100, rows: 40, colour: false }
const text = (world: World): string => render(viewOf(world), medium).join('\n')
const gates = ['keptn-prechecks-gate']

const held = worldOf({ pods: [pod('cart-1-x', '1.0', { gates })] })

const checking = worldOf({
  appVersions: [appVersion('1.0', 1, { status: 'Progressing', currentPhase: 'AppDeploy' })],
  workloadVersions: [
    workloadVersion('1.0', {
      status: 'Progressing',
      currentPhase: 'WorkloadPreDeployEvaluations',
      preDeploymentStatus: 'Succeeded',
      preDeploymentEvaluationStatus: 'Progressing',
      preDeploymentTaskStatus: [
        {
          definitionName: 'notify',
          name: 'pre-notify-1',
          status: 'Succeeded',
          startTime: at(2),
          endTime: at(5),
        },
      ],
      preDeploymentEvaluationTaskStatus: [
        {
          definitionName: 'enough',
          name: 'pre-eval-enough-1',
          status: 'Progressing',
          startTime: at(5),
        },
      ],
    }),
  ],
  tasks: [task('pre-notify-1', { status: 'Succeeded', jobName: 'job-1' })],
  evaluations: [
    evaluation('pre-eval-enough-1', {
      retryCount: 3,
      evaluationStatus: {},
      overallStatus: 'Progressing',
      objectives: [
        { name: 'cpus', namespace: 'dev', target: '>4', value: '3', status: 'Failed', message: '' },
        { name: 'disk', namespace: 'dev', target: '<9', status: 'Failed', message: 'no value yet' },
      ],
    }),
  ],
  outputs: new Map([['pre-notify-1', ['a', 'b', 'Told Slack', 'Done']]]),
  pods: [pod('cart-1-x', '1.0', { gates: [...gates, 'queue.example/hold'] })],
  messages: ['Deploying'],
})

const completed = worldOf({
  appVersions: [
    appVersion('1.0', 1, {
      status: 'Succeeded',
      currentPhase: 'Completed',
      workloadOverallStatus: 'Succeeded',
    }),
  ],
  workloadVersions: [
    workloadVersion('1.0', {
      status: 'Succeeded',
      preDeploymentStatus: 'Succeeded',
      preDeploymentEvaluationStatus: 'Succeeded',
      deploymentStatus: 'Succeeded',
      postDeploymentEvaluationStatus: 'Succeeded',
      conditions: [
        {
          type: 'PreDeploymentPassed',
          status: 'True',
          reason: 'ChecksPassed',
          message: '',
          lastTransitionTime: at(9),
        },
      ],
    }),
  ],
  pods: [
    pod('cart-1-x', '1.0', {
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    }),
  ],
})

describe('the view', () => {
  test('of a pod whose version nobody has recorded yet', () => {
    expect(text(held)).toBe(
      `
Waiting for the first pod to be held

Pods
‖ cart-1-x                                             1.0, held by keptn-prechecks-gate
`.trim(),
    )
  })

  test('of checks under way: output of a task, value against target, every gate of a pod', () => {
    expect(text(checking)).toBe(
      `
shop 1.0: AppDeploy

Phases
◌ App Deployment
  ● cart 1.0
    ✔ Pre-Deployment Tasks
      ✔ notify                                    3 s
        │ b
        │ Told Slack
        │ Done
    ● Pre-Deployment Evaluations
      ● enough                                   25 s  cpus is 3, wanted >4; disk: no value yet (wa…
    ◌ Deployment                                       pods are held
    ◌ Post-Deployment Evaluations
      ◌ fast

Pods
‖ cart-1-x                                             1.0, held by keptn-prechecks-gate and queue.…

Slack was told
  Deploying
`.trim(),
    )
  })

  test('of a release that is completed', () => {
    expect(text(completed)).toBe(
      `
shop 1.0: Completed

Phases
✔ App Deployment
  ✔ cart 1.0
    ✔ Pre-Deployment Tasks
      ◌ notify
    ✔ Pre-Deployment Evaluations
      ◌ enough
    ✔ Deployment                                       gate opened
    ✔ Post-Deployment Evaluations
      ◌ fast

Pods
✔ cart-1-x                                             1.0, ready
`.trim(),
    )
    expect(viewOf(completed).outcome).toBe('passed')
  })

  test('is of the newest version, whose workload is the one it lists', () => {
    const both = worldOf({
      appVersions: [appVersion('1.0', 1, {}), appVersion('1.1', 20, {})],
      workloadVersions: [workloadVersion('1.0', {}), workloadVersion('1.1', {})],
    })
    expect(text(both)).toContain('shop 1.1: not begun')
    expect(text(both)).toContain('cart 1.1')
    expect(text(both)).not.toContain('cart 1.0')
  })

  test('ignores versions of before', () => {
    const world = worldOf({ appVersions: [appVersion('1.0', 1, { status: 'Succeeded' })] })
    const view = viewOf(world, new Set(['uid-shop-1.0-1']))
    expect(view.outcome).toBeUndefined()
    expect(view.phases).toEqual([])
  })

  test.each([
    ['Failed', 'failed'],
    ['Warning', 'passed'],
    ['Progressing', undefined],
    ['Deprecated', undefined],
  ] as const)('of a version that is %s has the outcome %s', (status, outcome) => {
    const world = worldOf({ appVersions: [appVersion('1.0', 1, { status })] })
    expect(viewOf(world).outcome).toBe(outcome)
  })

  test('fits the terminal', () => {
    const lines = render(viewOf(checking), { columns: 40, rows: 8, colour: false })
    expect(lines).toHaveLength(8)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40)
  })

  test('has colours on a terminal, and none in a log', () => {
    const coloured = render(viewOf(checking), { ...medium, colour: true }).join('\n')
    expect(coloured).toContain('\u001b[32m✔\u001b[0m')
    expect(text(checking)).not.toContain('\u001b')
  })
})

describe('the changes', () => {
  test('are everything that does not merely wait, the first time', () => {
    expect(changes(undefined, viewOf(checking))).toEqual([
      'shop 1.0: AppDeploy',
      '● cart 1.0',
      '✔ cart 1.0 › Pre-Deployment Tasks',
      '✔ cart 1.0 › Pre-Deployment Tasks › notify',
      '  │ b',
      '  │ Told Slack',
      '  │ Done',
      '● cart 1.0 › Pre-Deployment Evaluations',
      '● cart 1.0 › Pre-Deployment Evaluations › enough cpus is 3, wanted >4; ' +
        'disk: no value yet (wanted <9); 3 tries',
      '‖ cart-1-x 1.0, held by keptn-prechecks-gate and queue.example/hold',
      'Slack was told: Deploying',
    ])
  })

  test('are none when only time has passed', () => {
    const later = { ...checking, now: new Date(at(59)) }
    expect(changes(viewOf(checking), viewOf(later))).toEqual([])
  })

  test('are the lines that came, without what they stand below', () => {
    const outputs = new Map([['pre-notify-1', ['Told Slack', 'Done', 'Really']]])
    expect(changes(viewOf(checking), viewOf({ ...checking, outputs }))).toEqual(['  │ Really'])
  })

  test('name what stands otherwise', () => {
    const [first] = changes(viewOf(held), viewOf(completed))
    expect(first).toBe('shop 1.0: Completed')
    expect(changes(viewOf(held), viewOf(completed))).toContain(
      '✔ cart 1.0 › Deployment gate opened',
    )
  })
})
