/**
 * How long an Analysis of many objectives takes: from its creation to its stored verdict, on an API server of its own.
 *
 * Its sources take 200 ms for a query, and are asked four at a time. What could not be shorter is the slowest query times
 * the rounds that the busiest source needs.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Analysis, AnalysisDefinition, AnalysisValueTemplate, newObject } from '../../api/index.ts'
import type { Client } from '../../kube/client.ts'
import {
  createProvider,
  startMetrics,
  startWorld,
  type Metrics,
} from '../component/metrics/world.ts'
import { eventually } from '../eventually.ts'
import { startSource, type SourceServer } from '../unit/metrics/source-server.ts'
import type { Result } from './result.ts'
import { median } from './statistics.ts'

const objectives = 100
const sourceCount = 5
const queryMs = 200
/** What `metrics/measurements.ts` allows. */
const atOnce = 4
const rounds = Math.ceil(objectives / sourceCount / atOnce)
const repetitions = 10
const namespace = 'bench'

interface SlowSource extends SourceServer {
  /** How many queries it had at once, at most. */
  readonly most: () => number
  /** How long it took for one, at most. */
  readonly slowestMs: () => number
}

const startSlowSource = async (): Promise<SlowSource> => {
  let [now, most, slowest] = [0, 0, 0]
  const server = await startSource(({ parameters }, response) => {
    const startedAt = performance.now()
    now += 1
    most = Math.max(most, now)
    void sleep(queryMs).then(() => {
      now -= 1
      slowest = Math.max(slowest, performance.now() - startedAt)
      const result = [{ metric: {}, values: [[Number(parameters['start']), '1']] }]
      response.end(JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } }))
    })
  })
  return { ...server, most: () => most, slowestMs: () => slowest }
}

const define = async (client: Client, sources: readonly SlowSource[]): Promise<void> => {
  const names = Array.from({ length: objectives }, (_, at) => `value-${at}`)
  await Promise.all(
    sources.map(({ url }, at) =>
      createProvider(client, namespace, { type: 'prometheus', targetServer: url }, `source-${at}`),
    ),
  )
  await Promise.all(
    names.map((name, at) =>
      client.create(
        AnalysisValueTemplate,
        newObject(AnalysisValueTemplate, {
          metadata: { namespace, name },
          spec: { provider: { name: `source-${at % sourceCount}` }, query: name },
        }) as never,
      ),
    ),
  )
  const spec = {
    objectives: names.map((name) => ({
      analysisValueTemplateRef: { name },
      target: { failure: { greaterThan: { fixedValue: 1 } } },
    })),
    totalScore: { passPercentage: 100, warningPercentage: 50 },
  }
  const definition = newObject(AnalysisDefinition, { metadata: { namespace, name: 'all' }, spec })
  await client.create(AnalysisDefinition, definition as never)
}

/** Milliseconds from the creation of an analysis to the moment at which its verdict was stored. */
const measure = async (client: Client, { told }: Metrics, name: string): Promise<number> => {
  const analysis = newObject(Analysis, {
    metadata: { namespace, name },
    spec: { analysisDefinition: { name: 'all' }, timeframe: { recent: '5m' } },
  })
  const startedAt = performance.now()
  await client.create(Analysis, analysis as never)
  const isTold = (): void => {
    if (!told.some(({ subject }) => subject.name === name)) throw new Error(`${name} has not ended`)
  }
  await eventually(isTold, { timeoutMs: 60_000, everyMs: 2 })
  const ms = performance.now() - startedAt
  const { status } = (await client.get(Analysis, { namespace, name })) ?? {}
  if (status?.pass !== true) throw new Error(`${name} has not passed: ${JSON.stringify(status)}`)
  return ms
}

/** One Analysis of 100 objectives over 5 sources that take 200 ms, several times. */
export const analysisParallel = async (): Promise<Result> => {
  const world = await startWorld('bench-analysis')
  const metrics = startMetrics(world.client)
  const sources = await Promise.all(Array.from({ length: sourceCount }, startSlowSource))
  try {
    await world.namespace(namespace)
    await define(world.client, sources)
    const times: number[] = []
    for (let at = 0; at < repetitions; at += 1) {
      times.push(await measure(world.client, metrics, `analysis-${at}`))
    }
    const slowestMs = Math.max(...sources.map(({ slowestMs: ms }) => ms()))
    const least = slowestMs * rounds
    return {
      name: 'analysis-parallel',
      figures: [
        {
          metric: 'created → verdict, slowest',
          value: Math.max(...times),
          unit: 'ms',
          limit: 1.5 * least,
        },
        { metric: 'created → verdict, p50', value: median(times), unit: 'ms' },
        {
          metric: 'slowest, of what is unavoidable',
          value: Math.max(...times) / least,
          unit: 'times',
          limit: 1.5,
        },
        {
          metric: 'queries at once at a source',
          value: Math.max(...sources.map(({ most }) => most())),
          unit: 'calls',
          limit: atOnce,
        },
      ],
      notes: [
        `${objectives} objectives over ${sourceCount} sources, ${rounds} rounds of ${atOnce}; the slowest query took ${slowestMs.toFixed(0)} ms.`,
      ],
      samples: { ms: times },
    }
  } finally {
    await metrics.stop()
    await Promise.all(sources.map((source) => source.close()))
    await world.close()
  }
}
