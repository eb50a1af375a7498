import { describe, expect, test } from '@jest/globals'
import { spanIdOf, traceIdOf } from '../../../../identity/trace.ts'
import { endsOf, linksOf, spanOf, type Traced } from '../../../../telemetry/traces/spans.ts'
import { anAppVersion, aTask, aWorkloadVersion } from '../objects.ts'
import * as example from './example.ts'
import { linked, sources, span } from './example.ts'

const spansOf = (object: Traced) =>
  endsOf(object).flatMap((ended) => spanOf(object, ended, sources) ?? [])

const only = (object: Traced) => {
  const [one, ...others] = spansOf(object)
  expect(others).toEqual([])
  if (one === undefined) throw new Error('There is no span')
  return one
}

const ms = (second: number): number => Date.parse('2026-01-05T10:00:00Z') + second * 1_000

const appTrace = traceIdOf('shop-1.0')
const deployTrace = '1'.repeat(32)
const appId = (part: string): string => spanIdOf('shop-1.0', 1, part)
const cartId = (attempt: number, part: string): string => spanIdOf('shop-cart-1.0', attempt, part)

describe('the spans of the example', () => {
  test('hang together as one tree, with the names that Keptn gave them', () => {
    const { app, web, failedCart, cart, task, failedEvaluation, evaluation } = example
    const tree = [app, web, failedCart, cart, task, failedEvaluation, evaluation]
      .flatMap(spansOf)
      .map((one) => [
        one.name,
        one.outcome,
        one.traceId,
        one.spanId,
        one.parent?.spanId,
        (one.startMs - ms(0)) / 1_000,
        (one.endMs - ms(0)) / 1_000,
      ])
    const phase = 'WorkloadPostDeployEvaluations'
    const webId = (part: string): string => spanIdOf('shop-web-1.0', 1, part)
    const deploy = '2'.repeat(16)
    const app1 = appId('version')
    expect(tree).toEqual([
      ['AppPreDeployTasks', 'succeeded', appTrace, appId('AppPreDeployTasks'), app1, 0, 5],
      ['AppDeploy', 'succeeded', appTrace, appId('AppDeploy'), app1, 5, 35],
      ['PromotionTasks', 'succeeded', appTrace, appId('PromotionTasks'), app1, 35, 40],
      ['shop-1.0', 'succeeded', appTrace, app1, undefined, 0, 40],
      [
        'shop-web/WorkloadDeploy',
        'succeeded',
        deployTrace,
        webId('WorkloadDeploy'),
        webId('version'),
        6,
        11,
      ],
      ['shop-web-1.0', 'succeeded', deployTrace, webId('version'), deploy, 5, 12],
      [`shop-cart/${phase}`, 'failed', deployTrace, cartId(1, phase), cartId(1, 'version'), 12, 14],
      ['shop-cart-1.0', 'failed', deployTrace, cartId(1, 'version'), deploy, 5, 14],
      [
        `shop-cart/${phase}`,
        'succeeded',
        deployTrace,
        cartId(2, phase),
        cartId(2, 'version'),
        30,
        33,
      ],
      ['shop-cart-1.0', 'succeeded', deployTrace, cartId(2, 'version'), deploy, 20, 33],
      [
        'pre-smoke',
        'failed',
        appTrace,
        spanIdOf('pre-smoke', 1, 'task'),
        appId('AppPreDeployTasks'),
        1,
        4,
      ],
      // Told when its version is in its second attempt already, it is still of the first.
      [
        failedEvaluation.metadata.name,
        'failed',
        deployTrace,
        spanIdOf(failedEvaluation.metadata.uid, 1, 'evaluation'),
        cartId(1, phase),
        12,
        14,
      ],
      [
        evaluation.metadata.name,
        'succeeded',
        deployTrace,
        spanIdOf(evaluation.metadata.uid, 1, 'evaluation'),
        cartId(2, phase),
        30,
        33,
      ],
    ])
  })

  test('of an app have its attributes, its metadata, and the links that can be read', () => {
    const root = spansOf(example.app).at(-1)
    expect(root).toMatchObject({
      scope: 'keptn/lifecycle-operator/appversion',
      attributes: {
        team: 'checkout',
        commit: 'abc',
        'keptn.deployment.app.name': 'shop',
        'keptn.deployment.app.version': '1.0',
        'keptn.deployment.app.namespace': 'shop',
      },
      events: [
        { name: 'App Version Pre-Deployment Tasks started', atMs: ms(0) },
        { name: 'shop-1.0 has finished', atMs: ms(40) },
      ],
      links: [
        {
          traceId: '0af7651916cd43dd8448eb211c80319c',
          spanId: 'b7ad6b7169203331',
          isSampled: true,
        },
      ],
    })
    expect(linksOf(example.app).unread).toBe(1)
    expect(spansOf(example.app)[0]).toMatchObject({
      attributes: root?.attributes,
      events: [{ name: 'App Pre-Deployment Tasks has succeeded', atMs: ms(5) }],
      links: [],
    })
  })

  test('of a workload have the metadata of the app and its own', () => {
    const [phase, root] = spansOf(example.web)
    expect(root?.attributes).toEqual({
      team: 'checkout',
      tier: 'front',
      'keptn.deployment.app.name': 'shop',
      'keptn.deployment.workload.name': 'shop-web',
      'keptn.deployment.workload.version': '1.0',
      'keptn.deployment.workload.namespace': 'shop',
    })
    expect(phase?.attributes).toEqual(root?.attributes)
    expect(root?.scope).toBe('keptn/lifecycle-operator/workloadversion')
    expect(root?.events[0]?.name).toBe('WorkloadVersion Pre-Deployment Tasks started')
    const [failed] = spansOf(example.failedCart)
    expect(failed?.events[0]?.name).toBe('Workload Post-Deployment Evaluations has failed')
  })

  test('of a task and an evaluation say what has failed', () => {
    const task = only(example.task)
    expect(task.events.map(({ name }) => name)).toEqual([
      'pre-smoke has failed',
      "task 'pre-smoke' failed with reason: 'no such shop'",
    ])
    expect(task.attributes).toEqual({
      team: 'checkout',
      commit: 'abc',
      'keptn.deployment.app.name': 'shop',
      'keptn.deployment.app.version': '1.0',
      'keptn.deployment.workload.name': '',
      'keptn.deployment.workload.version': '',
      'keptn.deployment.task.name': 'pre-smoke',
      'keptn.deployment.task.type': 'pre',
    })
    const evaluation = only(example.failedEvaluation)
    expect(evaluation.attributes).toMatchObject({
      'keptn.deployment.workload.name': 'shop-cart',
      'keptn.deployment.evaluation.name': example.failedEvaluation.metadata.name,
      'keptn.deployment.evaluation.type': 'post-eval',
    })
    expect(evaluation.events[1]?.name).toBe(
      "evaluation of 'errors' failed with value: '7' and reason: 'not below 5'",
    )
  })
})

describe('a span', () => {
  test('of what goes on there is none', () => {
    const status = { ...span(0), phaseTimes: { AppPreDeployTasks: span(0) } }
    expect(spansOf(anAppVersion('shop-2.0', {}, status))).toEqual([])
    expect(spansOf(aTask('pre', { status: 'Progressing' }))).toEqual([])
  })

  test('goes on in the trace of whoever caused the app', () => {
    const version = anAppVersion('shop-2.0', { traceId: { traceparent: linked } }, span(0, 1))
    expect(only(version)).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      parent: { spanId: 'b7ad6b7169203331' },
    })
  })

  test('is left out where whoever caused it records nothing', () => {
    const traceId = { traceparent: linked.replace(/01$/, '00') }
    expect(spansOf(anAppVersion('shop-2.0', { traceId }, span(0, 1)))).toEqual([])
  })

  test('of a workload version begins a trace where nobody says anything', () => {
    const { traceId, parent } = only(aWorkloadVersion('shop-old-1', span(0, 1)))
    expect([traceId, parent]).toEqual([traceIdOf('shop-old-1'), undefined])
    const caused = aWorkloadVersion('shop-old-2', span(0, 1), { traceId: { traceparent: linked } })
    expect(only(caused).parent?.spanId).toBe('b7ad6b7169203331')
  })

  test('of a task that nobody owns is a trace of its own', () => {
    const { traceId, parent } = only(aTask('by-hand', { ...span(0, 1), status: 'Succeeded' }))
    expect([traceId, parent]).toEqual([traceIdOf('by-hand'), undefined])
  })

  test('of a version that is not needed any more has neither passed nor failed', () => {
    const version = anAppVersion('shop-2.0', {}, { ...span(0, 3), status: 'Deprecated' })
    expect(only(version).outcome).toBe('stopped')
    expect(only(version).events.at(-1)?.name).toBe('shop-2.0 has been stopped')
  })

  test('of the on-failure tasks is there, though the version has ended before', () => {
    const version = anAppVersion(
      'shop-2.0',
      {},
      {
        ...span(0, 3),
        status: 'Failed',
        onFailureStatus: 'Succeeded',
        phaseTimes: { OnFailureTasks: span(3, 9) },
      },
    )
    expect(spansOf(version).map(({ name, outcome }) => [name, outcome])).toEqual([
      ['OnFailureTasks', 'succeeded'],
      ['shop-2.0', 'failed'],
    ])
  })

  test('has no more attributes than it may, and says how many it lacks', () => {
    const metadata: Record<string, string> = {}
    for (let index = 0; index < 100; index += 1)
      metadata[`key-${String(index)}`] = 'x'.repeat(2_000)
    const one = only(anAppVersion('shop-2.0', { metadata }, span(0, 1)))
    expect(Object.keys(one.attributes)).toHaveLength(64)
    expect(one.droppedAttributes).toBe(39)
    expect(one.attributes['keptn.deployment.app.name']).toBe('shop')
    expect(Math.max(...Object.values(one.attributes).map((text) => Buffer.byteLength(text)))).toBe(
      1_024,
    )
  })

  test('says what it is about, whatever its metadata says', () => {
    const metadata = { 'keptn.deployment.app.name': 'another' }
    const one = only(anAppVersion('shop-2.0', { metadata }, span(0, 1)))
    expect(one.attributes['keptn.deployment.app.name']).toBe('shop')
  })
})

test('a task stays where it was told that it runs, though its workload has begun anew below another app version', () => {
  const was = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
  const metadata = { traceparent: `00-${was.traceId}-${was.spanId}-01` }
  const spec = { ...example.task.spec, context: { metadata } }
  expect(only({ ...example.task, spec })).toMatchObject({ traceId: was.traceId, parent: was })
})
