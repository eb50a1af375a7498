import { describe, expect, test } from '@jest/globals'
import { checkPhase, type CheckPhaseSeen } from '../../../lifecycle/checks/check-phase.ts'
import { nameOfChild } from '../../../lifecycle/children.ts'
import { workloadPhases } from '../../../lifecycle/phases.ts'
import { evaluation, evaluationDefinition, parent, task, taskDefinition } from './objects.ts'

const [tasks, evaluations] = workloadPhases

const childOf = (definition: string, phase: CheckPhaseSeen['phase'] = tasks): string =>
  nameOfChild(parent(), phase, definition)

const seen = (more: Partial<CheckPhaseSeen>): CheckPhaseSeen => ({
  parent: parent(),
  phase: tasks,
  listed: ['smoke'],
  recorded: [],
  children: { tasks: [], evaluations: [] },
  definitions: {
    tasks: new Map([['smoke', taskDefinition('smoke')]]),
    evaluations: new Map([['slo', evaluationDefinition('slo')]]),
  },
  blocking: true,
  ...more,
})

const withTasks = (...list: ReturnType<typeof task>[]) => ({ tasks: list, evaluations: [] })

describe('a phase of checks', () => {
  test('with nothing to do has succeeded', () => {
    expect(checkPhase(seen({ listed: [] }))).toEqual({
      state: 'Succeeded',
      items: [],
      actions: [],
      missing: [],
      detail: '',
    })
  })

  test('makes the child of a definition once, however often and with what blanks it is listed', () => {
    const { actions, items } = checkPhase(seen({ listed: ['smoke', ' smoke', '', 'smoke'] }))
    expect(actions).toHaveLength(1)
    expect(items).toEqual([{ definitionName: 'smoke', name: childOf('smoke'), status: 'Pending' }])
  })

  test('makes no child that is there, recorded or not', () => {
    const { actions, state } = checkPhase(seen({ children: withTasks(task(childOf('smoke'))) }))
    expect([actions, state]).toEqual([[], 'Pending'])
  })

  test('makes an evaluation with the tries of its definition', () => {
    const { actions } = checkPhase(seen({ phase: evaluations, listed: ['slo'] }))
    expect(actions).toMatchObject([
      {
        object: {
          kind: 'KeptnEvaluation',
          spec: { checkType: 'pre-eval', retries: 4, retryInterval: '7s', workload: 'shop-cart' },
        },
      },
    ])
  })

  test('names a definition that is missing and goes on with the others', () => {
    const phase = checkPhase(seen({ listed: ['smoke', 'lint'] }))
    expect(phase.state).toBe('Pending')
    expect(phase.missing).toEqual(['lint'])
    expect(phase.actions).toHaveLength(1)
    expect(phase.detail).toBe('task "smoke" has not begun; task definition "lint" does not exist')
  })

  test('stays failed by a stored outcome, whatever the child says today', () => {
    const name = childOf('smoke')
    const { state } = checkPhase(
      seen({
        recorded: [{ definitionName: 'smoke', name, status: 'Failed' }],
        children: withTasks(task(name, { status: 'Succeeded' })),
      }),
    )
    expect(state).toBe('Failed')
  })

  test('stays succeeded by a stored outcome though the child is gone, and makes no other', () => {
    const recorded = [
      { definitionName: 'smoke', name: childOf('smoke'), status: 'Succeeded' as const },
    ]
    expect(checkPhase(seen({ recorded }))).toMatchObject({ state: 'Succeeded', actions: [] })
  })

  test('does not believe a child of another phase or parent', () => {
    const other = nameOfChild(parent(), workloadPhases[3], 'smoke')
    const { state, actions } = checkPhase(
      seen({ children: withTasks(task(other, { status: 'Succeeded' })) }),
    )
    expect([state, actions.length]).toEqual(['Pending', 1])
  })

  test('that failed begins nothing more and says only why it failed', () => {
    const phase = checkPhase(
      seen({
        listed: ['lint', 'smoke', 'more'],
        children: withTasks(
          task(childOf('lint'), { status: 'Failed', message: 'Exit code 1' }),
          task(childOf('more'), { status: 'Progressing' }),
        ),
      }),
    )
    expect(phase).toMatchObject({ state: 'Failed', actions: [], missing: [] })
    expect(phase.detail).toBe('task "lint" has failed: Exit code 1')
    expect(phase.items.map(({ definitionName }) => definitionName)).toEqual(['lint', 'more'])
  })

  test('that failed where failures do not block is a warning', () => {
    const children = withTasks(task(childOf('smoke'), { status: 'Failed' }))
    expect(checkPhase(seen({ children, blocking: false })).state).toBe('Warning')
  })

  test('says value and target of an evaluation that failed', () => {
    const failed = evaluation(childOf('slo', evaluations), {
      overallStatus: 'Failed',
      retryCount: 3,
      evaluationStatus: {},
      objectives: [
        {
          name: 'cpus',
          namespace: 'shop',
          target: '>4',
          value: '3',
          status: 'Failed',
          message: "value '3' did not meet objective '>4'",
        },
      ],
    })
    const phase = checkPhase(
      seen({
        phase: evaluations,
        listed: ['slo'],
        children: { tasks: [], evaluations: [failed] },
      }),
    )
    expect(phase.detail).toBe('evaluation "slo" has failed: cpus is 3, wanted > 4 (attempt 3 of 3)')
  })
})
