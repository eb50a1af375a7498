import { expect, test } from '@jest/globals'
import type { Transition } from '../../../../kube/decision.ts'
import { isWanted, outcomeOf, type Filter } from '../../../../telemetry/notifications/filter.ts'
import { transition } from './objects.ts'

const phase = (name: string, state: NonNullable<Transition['phase']>['state'] = 'Started') => ({
  phase: { name, longName: name, state },
})
const warning = { severity: 'Warning' as const }
const kind = (name: string) => ({ subject: { ...transition().subject, kind: name } })
const ofTask = kind('KeptnTask')

test.each<[Partial<Transition>, string]>([
  [phase('AppDeploy'), 'Started'],
  [phase('AppDeploy', 'Succeeded'), 'Succeeded'],
  [{ ...phase('AppDeploy', 'Errored'), ...warning }, 'Failed'],
  [warning, 'Warning'],
  [{}, 'Note'],
])('what has come of %j is %s', (more, outcome) => {
  expect(outcomeOf(transition(more))).toBe(outcome)
})

test.each<[string, Partial<Transition>, boolean]>([
  ['a phase that begins', phase('AppDeploy'), false],
  ['a phase that is passed', phase('AppDeploy', 'Succeeded'), false],
  ['a phase that fails', phase('AppDeploy', 'Errored'), true],
  ['an app version that is completed', phase('Completed', 'Succeeded'), true],
  [
    'a workload version that is',
    { ...phase('Completed', 'Succeeded'), ...kind('KeptnWorkloadVersion') },
    false,
  ],
  ['what waits for a person', warning, true],
  ['what is made', {}, false],
  ['a task that fails', { ...warning, ...ofTask }, false],
])('who has said nothing is told of %s: %s', (_, more, isTold) => {
  expect(isWanted({}, transition(more))).toBe(isTold)
})

test.each<[Filter, Partial<Transition>, boolean]>([
  [{ namespaces: ['shop'] }, warning, true],
  [{ namespaces: ['dev', 'sh*'] }, warning, true],
  [{ namespaces: ['sho'] }, warning, false],
  [{ namespaces: [] }, warning, false],
  [{ apps: ['shop'] }, warning, true],
  [{ apps: ['other'] }, warning, false],
  [{ outcomes: ['Started'] }, phase('AppDeploy'), true],
  [{ outcomes: ['Started'] }, warning, false],
  [{ phases: ['AppDeploy'] }, phase('AppDeploy'), true],
  [{ phases: ['AppDeploy'] }, phase('PromotionTasks'), false],
  [{ phases: ['AppDeploy'], outcomes: ['Failed'] }, phase('AppDeploy'), false],
  [{ phases: ['AppDeploy'] }, { attributes: { phase: 'AppDeploy' } }, true],
  [{ kinds: ['KeptnTask'] }, { ...warning, ...ofTask }, true],
  [{ kinds: ['KeptnTask'] }, warning, false],
])('with %j it is told %j: %s', (filter, more, isTold) => {
  expect(isWanted(filter, transition(more))).toBe(isTold)
})
