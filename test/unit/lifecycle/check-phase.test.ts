import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import type { State } from '../../../api/index.ts'
import {
  checkPhase,
  type CheckPhaseSeen,
  type PhaseProgress,
} from '../../../lifecycle/checks/check-phase.ts'
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
      stuck: new Map(),
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

describe('a phase of tasks that depend on others', () => {
  const depends = (name: string, dependsOn: readonly string[]) => {
    const definition = taskDefinition(name)
    return [name, { ...definition, spec: { ...definition.spec, dependsOn } }] as const
  }
  const ordered = (
    dependencies: Readonly<Record<string, readonly string[]>>,
    more: Partial<CheckPhaseSeen> = {},
  ) =>
    checkPhase(
      seen({
        listed: Object.keys(dependencies),
        definitions: {
          tasks: new Map(Object.entries(dependencies).map(([name, on]) => depends(name, on))),
          evaluations: new Map(),
        },
        ...more,
      }),
    )
  const made = (phase: ReturnType<typeof ordered>): readonly string[] =>
    phase.actions.flatMap((action) =>
      action.kind === 'create'
        ? [(action.object as unknown as { spec: { taskDefinition: string } }).spec.taskDefinition]
        : [],
    )
  const chain = { build: [], test: ['build'], sign: ['test', 'build'] }
  const ended = (name: string, status: object) =>
    task(childOf(name), { status: 'Succeeded', ...status })

  test('begins with those that depend on none, and says what the others wait for', () => {
    const phase = ordered(chain)
    expect(made(phase)).toEqual(['build'])
    expect(phase.state).toBe('Pending')
    expect(phase.items.slice(1)).toEqual([
      { definitionName: 'test', status: 'Pending', message: 'Waits for "build"' },
      { definitionName: 'sign', status: 'Pending', message: 'Waits for "test", "build"' },
    ])
    expect(phase.detail).toContain('task "test" has not begun: Waits for "build"')
  })

  test.each(['Pending', 'Progressing', 'Unknown'] as const)('waits while one is %s', (status) => {
    expect(made(ordered(chain, { children: withTasks(ended('build', { status })) }))).toEqual([])
  })

  test('goes on when all that a task depends on has succeeded, and takes their results along', () => {
    const children = withTasks(ended('build', { result: { image: 'a' } }))
    const phase = ordered(chain, { children })
    expect(made(phase)).toEqual(['test'])
    expect(phase.actions).toMatchObject([
      { object: { spec: { results: { build: { image: 'a' } } } } },
    ])
    const later = ordered(chain, {
      children: withTasks(ended('build', { result: 0 }), ended('test', {})),
    })
    expect(later.actions).toMatchObject([{ object: { spec: { results: { build: 0 } } } }])
  })

  test('gives no results to a task that depends on none', () => {
    const [create] = ordered(chain).actions
    expect(create).not.toHaveProperty('object.spec.results')
  })

  test('remembers a success whose task is gone', () => {
    const recorded = [
      { definitionName: 'build', name: childOf('build'), status: 'Succeeded' as const },
    ]
    const phase = ordered(chain, { recorded })
    expect(made(phase)).toEqual(['test'])
    expect(phase.actions).toMatchObject([{ object: { spec: { results: {} } } }])
  })

  test('does not run what depends on a failure, directly or not, and says so', () => {
    const children = withTasks(ended('build', { status: 'Failed', message: 'Exit code 1' }))
    const phase = ordered(chain, { children })
    expect(phase).toMatchObject({ state: 'Failed', actions: [] })
    expect(phase.items.slice(1)).toEqual([
      {
        definitionName: 'test',
        status: 'Deprecated',
        message: 'Depends on "build", which did not succeed',
      },
      {
        definitionName: 'sign',
        status: 'Deprecated',
        message: 'Depends on "test", "build", which did not succeed',
      },
    ])
    expect(phase.detail).toBe(
      'task "build" has failed: Exit code 1; task "test" is not run: Depends on "build", which did not succeed; ' +
        'task "sign" is not run: Depends on "test", "build", which did not succeed',
    )
    expect(ordered(chain, { children, recorded: phase.items })).toEqual(phase)
  })

  test('that only warns waits for what may still begin', () => {
    const list = { build: [], lint: [], test: ['build'], notes: ['lint'] }
    const half = [ended('lint', { status: 'Failed' }), ended('build', { status: 'Progressing' })]
    const waiting = ordered(list, { children: withTasks(...half), blocking: false })
    expect([waiting.state, made(waiting)]).toEqual(['Progressing', []])
    const [lint, build] = [half[0], ended('build', {})] as const
    const done = ordered(list, { children: withTasks(lint as never, build), blocking: false })
    expect([done.state, made(done)]).toEqual(['Warning', ['test']])
  })

  test('is held up by tasks that depend on each other, and says so once', () => {
    const phase = ordered({ a: ['b'], b: ['c'], c: ['b'], d: [] })
    expect(made(phase)).toEqual(['d'])
    expect(phase.state).toBe('Pending')
    expect([...phase.stuck.keys()]).toEqual(['b', 'c'])
    const [one, other] = [...phase.stuck.values()]
    expect(one).toEqual(other)
    expect(one).toMatchObject({ reason: 'DependencyCycle' })
    expect(one?.message).toContain('"b", "c"')
    expect([...ordered({ a: ['a'] }).stuck.keys()]).toEqual(['a'])
  })

  test('is held up by what depends on a definition that it does not list', () => {
    const phase = ordered({ a: ['elsewhere'], b: ['a'] })
    expect([...phase.stuck]).toMatchObject([['a', { reason: 'DependencyNotListed' }]])
    expect(phase.items).toEqual([
      { definitionName: 'b', status: 'Pending', message: 'Waits for "a"' },
    ])
  })

  test('leaves alone what was made before its definition was changed', () => {
    const children = withTasks(ended('test', { status: 'Progressing' }))
    const phase = ordered({ build: ['test'], test: ['build'] }, { children })
    expect(phase.stuck.size).toBe(0)
    expect(made(phase)).toEqual([])
  })

  test('is decided at once however many ways lead from one to another', () => {
    const layers = Array.from({ length: 8 }, (_, layer) =>
      Array.from({ length: 16 }, (_, place) => `t${layer}-${place}`),
    )
    const list = Object.fromEntries(
      layers.flatMap((names, layer) => names.map((name) => [name, layers[layer - 1] ?? []])),
    )
    const startedAt = performance.now()
    expect(made(ordered(list))).toEqual(layers[0])
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  const names = ['a', 'b', 'c', 'd', 'e']
  /** Any of them may depend on any other, on itself, and on one that is not listed; some have no definition. */
  const worlds = fc.record({
    dependencies: fc.tuple(
      ...names.map(() => fc.uniqueArray(fc.constantFrom(...names, 'elsewhere'), { maxLength: 3 })),
    ),
    missing: fc.subarray(names, { maxLength: 1 }),
    failing: fc.subarray(names),
    order: fc.array(fc.nat(20), { minLength: 20, maxLength: 20 }),
    blocking: fc.boolean(),
  })

  type States = Map<string, 'Progressing' | 'Succeeded' | 'Failed'>

  const begin = (phase: PhaseProgress, states: States, on: ReadonlyMap<string, string[]>): void => {
    for (const name of made(phase)) {
      expect(states.has(name)).toBe(false)
      for (const each of on.get(name) ?? []) expect(states.get(each)).toBe('Succeeded')
      states.set(name, 'Progressing')
    }
  }

  const endsAs = (phase: PhaseProgress, states: States, blocking: boolean): readonly State[] => {
    if (names.every((name) => states.get(name) === 'Succeeded')) return ['Succeeded']
    const isHeldUp = phase.stuck.size + phase.missing.length > 0
    if (![...states.values()].includes('Failed')) return isHeldUp ? ['Pending'] : []
    if (blocking) return ['Failed']
    return isHeldUp ? ['Warning', 'Progressing'] : ['Warning']
  }

  test('runs a task once, and only after all that it depends on, and comes to an end', () => {
    fc.assert(
      fc.property(worlds, ({ dependencies, missing, failing, order, blocking }) => {
        const on = new Map(names.map((name, index) => [name, dependencies[index] ?? []]))
        const defined = names.filter((name) => !missing.includes(name))
        const tasks = new Map(defined.map((name) => depends(name, on.get(name) ?? [])))
        const about = { listed: names, definitions: { tasks, evaluations: new Map() }, blocking }
        const states: States = new Map()
        let phase = checkPhase(seen(about))
        for (const turn of order) {
          begin(phase, states, on)
          const running = names.filter((name) => states.get(name) === 'Progressing')
          const next = running[turn % Math.max(1, running.length)]
          if (next !== undefined) states.set(next, failing.includes(next) ? 'Failed' : 'Succeeded')
          const children = withTasks(
            ...[...states].map(([name, status]) => ended(name, { status })),
          )
          phase = checkPhase(seen({ ...about, children, recorded: phase.items }))
        }
        expect(endsAs(phase, states, blocking)).toContain(phase.state)
      }),
      { numRuns: 500 },
    )
  })
})
