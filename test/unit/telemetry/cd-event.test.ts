/** Which transitions CDEvents has words for, and which: by the rules of its schemas, version 0.4.1. */
import { expect, test } from '@jest/globals'
import type { KubeObject } from '../../../api/object.ts'
import type { Transition } from '../../../kube/decision.ts'
import {
  appPhases,
  onFailurePhase,
  promotionPhase,
  workloadPhases,
} from '../../../lifecycle/phases.ts'
import {
  completedTransition,
  factTransition,
  phaseTransition,
  type PhaseFact,
  type Telling,
} from '../../../lifecycle/transitions.ts'
import { actionFact } from '../../../lifecycle/actions/telling.ts'
import { cdEventsOf, isCdEvent } from '../../../telemetry/cloud-events/cd-event.ts'
import { messageOf } from '../../../telemetry/cloud-events/message.ts'
import { appVersion, task, workloadVersion } from '../lifecycle/objects.ts'

const telling = (subject: KubeObject): Telling => ({
  ...{ subject, version: '1', eventNames: 'seeds', now: new Date('2026-03-01T12:00:30Z') },
})
const app = telling(appVersion())
const workload = telling(workloadVersion())

/** What a whole lifecycle tells, in order. */
const lifecycle: readonly Transition[] = [
  ...appPhases.slice(0, 2).flatMap((phase) => steps(app, phase)),
  phaseTransition(app, appPhases[2], 'Started'),
  ...workloadPhases.flatMap((phase) => steps(workload, phase)),
  completedTransition(workload, 'Workload'),
  phaseTransition(app, appPhases[2], 'Succeeded'),
  ...appPhases.slice(3).flatMap((phase) => steps(app, phase)),
  completedTransition(app, 'App'),
]

function steps(
  of: Telling,
  phase: { readonly name: string; readonly longName: string },
): readonly Transition[] {
  return (['Started', 'Succeeded'] as const).map((fact) => phaseTransition(of, phase, fact))
}

const said = (transition: Transition): readonly unknown[] =>
  cdEventsOf(transition).map(({ type, data }) => [
    type.replace(/^dev\.cdevents\.(.*)\.0\.2\.0$/, '$1'),
    data?.subject.id,
    data?.subject.content['outcome'],
  ])

const ofApp = 'KeptnAppVersion/shop/shop-1-6b86b273'
const ofWorkload = 'KeptnWorkloadVersion/shop/shop-cart-2'
const run = (id: string, phase: string): readonly unknown[] => [
  ['taskrun.started', `${id}/${phase}`, undefined],
  ['taskrun.finished', `${id}/${phase}`, 'success'],
]

test('a lifecycle is the run of a pipeline, with its checks as tasks, and a service that is deployed', () => {
  expect(lifecycle.flatMap(said)).toEqual([
    ['pipelinerun.started', ofApp, undefined],
    ...run(ofApp, 'AppPreDeployTasks'),
    ...run(ofApp, 'AppPreDeployEvaluations'),
    ...run(ofWorkload, 'WorkloadPreDeployTasks'),
    ...run(ofWorkload, 'WorkloadPreDeployEvaluations'),
    ['service.deployed', 'shop/shop-cart', undefined],
    ...run(ofWorkload, 'WorkloadPostDeployTasks'),
    ...run(ofWorkload, 'WorkloadPostDeployEvaluations'),
    ...run(ofApp, 'AppPostDeployTasks'),
    ...run(ofApp, 'AppPostDeployEvaluations'),
    ...run(ofApp, 'PromotionTasks'),
    ['pipelinerun.finished', ofApp, 'success'],
  ])
})

const failing = (
  of: Telling,
  phase: { readonly name: string; readonly longName: string },
  fact: PhaseFact = 'Errored',
): Transition => phaseTransition(of, phase, fact, 'task "smoke" has failed')

test('what fails says why', () => {
  expect(said(failing(app, appPhases[0]))).toEqual([
    ['taskrun.finished', `${ofApp}/AppPreDeployTasks`, 'failure'],
    ['pipelinerun.finished', ofApp, 'failure'],
  ])
  expect(said(failing(app, appPhases[2]))).toEqual([['pipelinerun.finished', ofApp, 'failure']])
  expect(said(failing(app, onFailurePhase))).toEqual([
    ['taskrun.finished', `${ofApp}/OnFailureTasks`, 'failure'],
  ])
  expect(said(failing(workload, workloadPhases[0]))).toEqual([
    ['taskrun.finished', `${ofWorkload}/WorkloadPreDeployTasks`, 'failure'],
  ])
  const [event] = cdEventsOf(failing(app, promotionPhase))
  expect(event).toHaveProperty(
    'data.subject.content.errors',
    expect.stringContaining('task "smoke" has failed'),
  )
})

test('one that nobody wants any more has not come to its end', () => {
  const record = {
    ...({ id: '1', outcome: 'CarriedOut', by: 'alice' } as const),
    ...{ message: 'Aborted', attempt: 1 },
    time: '2026-03-01T12:00:00Z',
  } as const
  expect(said(actionFact(app, { ...record, type: 'abort' }))).toEqual([
    ['pipelinerun.finished', ofApp, 'error'],
  ])
  expect(said(actionFact(app, { ...record, type: 'release' }))).toEqual([])
  const deprecated = { reason: 'Deprecated', what: 'Superseded', message: 'Another came' }
  expect(said(factTransition(app, deprecated))).toEqual([['pipelinerun.finished', ofApp, 'error']])
})

test.each([
  ['a rollout that fails', failing(workload, workloadPhases[2])],
  ['a rollout that begins', phaseTransition(workload, workloadPhases[2], 'Started')],
  ['a task', factTransition(telling(task('a')), { reason: 'Deprecated', what: '', message: '' })],
  ['what is made', factTransition(app, { reason: 'CreateTask', what: 'a', message: 'made' })],
])('there is no word for %s', (_, transition) => {
  expect(isCdEvent(transition)).toBe(false)
  expect(cdEventsOf(transition)).toEqual([])
})

test('each has what the schemas ask for and nothing else, and an id that stays', () => {
  const all = lifecycle.flatMap(cdEventsOf)
  for (const { data, ...event } of all) {
    expect(Object.keys(data ?? {}).toSorted()).toEqual([
      ...['context', 'customData', 'customDataContentType', 'subject'],
    ])
    expect(data?.context).toEqual({
      ...{ version: '0.4.1', id: event.id, source: event.source, type: event.type },
      timestamp: event.time,
    })
    expect(Object.keys(data?.subject ?? {})).toEqual(['id', 'source', 'type', 'content'])
    expect(data?.subject.id).toBe(event.subject)
    expect(allowed[String(data?.subject.type)]).toEqual(
      expect.arrayContaining(Object.keys(data?.subject.content ?? {})),
    )
  }
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
  expect(lifecycle.flatMap(cdEventsOf)).toEqual(all)
})

const allowed: Readonly<Record<string, readonly string[]>> = {
  pipelineRun: ['pipelineName', 'url', 'outcome', 'errors'],
  taskRun: ['taskName', 'url', 'pipelineRun', 'outcome', 'errors'],
  service: ['environment', 'artifactId'],
}

test('what is deployed is named by a package URL, and where by the namespace', () => {
  const version = workloadVersion({ workloadName: 'shop-cart', version: '2.0 rc/1' })
  const [event] = cdEventsOf(phaseTransition(telling(version), workloadPhases[2], 'Succeeded'))
  expect(event?.data?.subject.content).toEqual({
    environment: { id: 'shop' },
    artifactId: 'pkg:generic/shop/shop-cart@2.0%20rc%2F1',
  })
})

test('a workload that had another version before is upgraded', () => {
  const version = workloadVersion({ workloadName: 'shop-cart', version: '2', previousVersion: '1' })
  const [event] = cdEventsOf(phaseTransition(telling(version), workloadPhases[2], 'Succeeded'))
  expect(event?.type).toBe('dev.cdevents.service.upgraded.0.2.0')
  expect(event?.subject).toBe('shop/shop-cart')
})

test('they travel as CloudEvents do', () => {
  const [event] = lifecycle.flatMap(cdEventsOf)
  if (event === undefined) throw new Error('There is none')
  const { headers, body } = messageOf(event, 'binary')
  expect(headers).toMatchObject({
    'content-type': 'application/cdevents+json',
    'ce-type': 'dev.cdevents.pipelinerun.started.0.2.0',
    'ce-subject': ofApp,
  })
  expect(JSON.parse(body)).toEqual(event.data)
  expect(JSON.parse(messageOf(event, 'structured').body)).toMatchObject({ data: event.data })
})
