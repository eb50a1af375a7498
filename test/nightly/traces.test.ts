/**
 * What a real collector has in the end of an app of two workloads, whose tellers die in the middle, one of them while the collector
 * can't be reached: the exact tree, and nothing twice.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { spanIdOf, traceIdOf } from '../../identity/trace.ts'
import { createTeller, type TraceSettings } from '../../telemetry/traces/index.ts'
import { readProgress, writeProgress, type ProgressRecord } from '../../telemetry/progress.ts'
import { eventually } from '../eventually.ts'
import { measuredFeeds, storesOf } from '../unit/telemetry/objects.ts'
import * as example from '../unit/telemetry/traces/example.ts'
import { ensureJaeger, startJaeger, type Jaeger, type JaegerSpan } from './jaeger.ts'

let jaeger: Jaeger
beforeAll(async () => {
  const program = await ensureJaeger()
  jaeger = await startJaeger(program)
}, 3_600_000)
afterAll(async () => {
  await jaeger.end()
})

/** The morning of the example: it is history, and a first leader would leave it alone. */
const morning = writeProgress({ since: Date.parse('2026-01-05') / 1_000, told: new Map() })
let stored = morning
const record: ProgressRecord = {
  load: () => Promise.resolve(readProgress(stored)),
  save: (progress) => {
    if (progress !== undefined) stored = writeProgress(progress)
    return Promise.resolve()
  },
}

const kills: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const kill of kills.splice(0)) await kill()
})

/** Leads until it is killed. */
const lead = (feeds: ReturnType<typeof measuredFeeds>, settings: TraceSettings) => {
  const ending = new AbortController()
  const said: string[] = []
  const teller = createTeller({
    ...{ stores: storesOf(feeds), phases: example.phases, settings: () => settings },
    resource: { 'service.name': 'lifecycle-operator' },
    notify: ({ reason }) => said.push(reason),
    log: pino({ level: 'silent' }),
    batchMs: 50,
    firstPauseMs: 50,
  })
  const ended = teller.tell({
    record,
    signal: ending.signal,
    stillLeading: () => !ending.signal.aborted,
    mayFinish: () => false,
  })
  const kill = async (): Promise<void> => {
    ending.abort()
    await ended
  }
  kills.push(kill)
  return { said, kill }
}

const valueOf = ({ tags }: JaegerSpan, name: string): unknown =>
  tags.find(({ key }) => key === name)?.value

const row = (span: JaegerSpan) => [
  span.operationName,
  span.spanID,
  span.references.map(({ refType, spanID }) => `${refType} ${spanID}`).join(),
  valueOf(span, 'error') === true ? 'failed' : 'passed',
  span.duration / 1_000_000,
]

const rows = (spans: readonly JaegerSpan[]) =>
  spans.map(row).toSorted(([one], [other]) => (String(one) < String(other) ? -1 : 1))

describe.each(['grpc', 'http'] as const)('over %s', (protocol) => {
  beforeEach(async () => {
    await jaeger.end()
    jaeger = await startJaeger(await ensureJaeger())
    stored = morning
  })

  test('a Jaeger has the whole tree, each span once', async () => {
    const collector = protocol === 'grpc' ? jaeger.grpc : jaeger.http
    const alive: TraceSettings = { collector, protocol, isSecure: false }
    const feeds = measuredFeeds()
    const { app, web, cart, failedCart } = example

    const first = lead(feeds, alive)
    feeds.appVersions.apply('ADDED', app)
    feeds.tasks.apply('ADDED', example.task)
    feeds.workloadVersions.apply('ADDED', failedCart)
    feeds.evaluations.apply('ADDED', example.failedEvaluation)
    const deployTrace = '1'.repeat(32)
    await eventually(async () => {
      expect(await jaeger.spansOf(deployTrace)).toHaveLength(3)
    })
    await eventually(() => {
      expect(stored).not.toBe(morning)
    })
    await first.kill()
    // What was delivered stays known, however long ago it was.
    stored = writeProgress({
      since: Date.parse('2026-01-05') / 1_000,
      told: toldUntil([
        ...(await jaeger.spansOf(deployTrace)),
        ...(await jaeger.spansOf(appTrace)),
      ]),
    })

    const second = lead(feeds, { ...alive, collector: '127.0.0.1:1' })
    feeds.workloadVersions.apply('ADDED', { ...web, metadata: newer(web) })
    feeds.workloadVersions.apply('MODIFIED', { ...cart, metadata: newer(cart) })
    await eventually(() => {
      expect(second.said).toEqual(['SpansUndelivered'])
    })
    await second.kill()

    const third = lead(feeds, alive)
    feeds.evaluations.apply('ADDED', example.evaluation)
    await eventually(async () => {
      expect(await jaeger.spansOf(deployTrace)).toHaveLength(8)
    })
    await third.kill()

    const app1 = (part: string): string => spanIdOf('shop-1.0', 1, part)
    expect(rows(await jaeger.spansOf(appTrace))).toEqual([
      ['AppDeploy', app1('AppDeploy'), `CHILD_OF ${app1('version')}`, 'passed', 30],
      ['AppPreDeployTasks', app1('AppPreDeployTasks'), `CHILD_OF ${app1('version')}`, 'passed', 5],
      ['PromotionTasks', app1('PromotionTasks'), `CHILD_OF ${app1('version')}`, 'passed', 5],
      [
        'pre-smoke',
        spanIdOf('pre-smoke', 1, 'task'),
        `CHILD_OF ${app1('AppPreDeployTasks')}`,
        'failed',
        3,
      ],
      ['shop-1.0', app1('version'), 'FOLLOWS_FROM b7ad6b7169203331', 'passed', 40],
    ])
    const phase = 'WorkloadPostDeployEvaluations'
    const ofCart = (attempt: number, part: string): string =>
      spanIdOf('shop-cart-1.0', attempt, part)
    const ofWeb = (part: string): string => spanIdOf('shop-web-1.0', 1, part)
    const idOf = ({ metadata: { uid } }: { readonly metadata: { readonly uid: string } }): string =>
      spanIdOf(uid, 1, 'evaluation')
    const deploy = `CHILD_OF ${'2'.repeat(16)}`
    const { evaluation, failedEvaluation } = example
    const expected = [
      [
        failedEvaluation.metadata.name,
        idOf(failedEvaluation),
        `CHILD_OF ${ofCart(1, phase)}`,
        'failed',
        2,
      ],
      [evaluation.metadata.name, idOf(evaluation), `CHILD_OF ${ofCart(2, phase)}`, 'passed', 3],
      ['shop-cart-1.0', ofCart(1, 'version'), deploy, 'failed', 9],
      ['shop-cart-1.0', ofCart(2, 'version'), deploy, 'passed', 13],
      [`shop-cart/${phase}`, ofCart(1, phase), `CHILD_OF ${ofCart(1, 'version')}`, 'failed', 2],
      [`shop-cart/${phase}`, ofCart(2, phase), `CHILD_OF ${ofCart(2, 'version')}`, 'passed', 3],
      ['shop-web-1.0', ofWeb('version'), deploy, 'passed', 7],
      [
        'shop-web/WorkloadDeploy',
        ofWeb('WorkloadDeploy'),
        `CHILD_OF ${ofWeb('version')}`,
        'passed',
        5,
      ],
    ]
    const found = await jaeger.spansOf(deployTrace)
    expect(new Set(rows(found).map(String))).toEqual(new Set(expected.map(String)))
    expect(found).toHaveLength(expected.length)

    const root = (await jaeger.spansOf(appTrace)).find(
      ({ operationName }) => operationName === 'shop-1.0',
    )
    if (root === undefined) throw new Error('There is no root')
    expect(valueOf(root, 'span.kind')).toBe('consumer')
    expect(valueOf(root, 'otel.scope.name')).toBe('keptn/lifecycle-operator/appversion')
    expect(valueOf(root, 'keptn.deployment.app.namespace')).toBe('shop')
    expect(valueOf(root, 'team')).toBe('checkout')
    expect(root.logs.flatMap(({ fields }) => fields.map(({ value }) => value))).toEqual([
      'App Version Pre-Deployment Tasks started',
      'shop-1.0 has finished',
    ])
  }, 60_000)
})

const appTrace = traceIdOf('shop-1.0')

const newer = <T extends { readonly resourceVersion: string }>({
  metadata,
}: {
  readonly metadata: T
}): T => ({
  ...metadata,
  resourceVersion: String(Number(metadata.resourceVersion) + 1_000),
})

const toldUntil = (spans: readonly JaegerSpan[]): ReadonlyMap<string, number> =>
  new Map(
    spans.map(({ spanID, startTime, duration }) => {
      const end = (startTime + duration) / 1_000_000
      return [`${spanID}@${String(end)}`, end] as const
    }),
  )
