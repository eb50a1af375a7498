/**
 * Evaluations that pass at once: of a metric that has its value already.
 *
 * @module
 */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { stringify } from 'yaml'
import { KeptnMetric } from '../../api/index.ts'
import { eventually } from '../eventually.ts'
import type { World } from './world.ts'

/** The definition of the evaluation. */
export const evaluationName = 'load'

/** Something that answers like Prometheus, always the same. */
export const startPrometheus = async (
  host: string,
): Promise<{ readonly url: string; readonly close: () => void }> => {
  const server = createServer((_, response) => {
    const result = [{ metric: {}, value: [Date.now() / 1000, '1'] }]
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }))
  })
  server.listen(0, host)
  await once(server, 'listening')
  const url = `http://${host}:${(server.address() as AddressInfo).port}`
  return { url, close: () => server.close() }
}

/** Defines the evaluation in a namespace, of a metric that is fetched once, and waits until it was. */
export const defineEvaluation = async (
  { apply, client }: World,
  { namespace, url }: { readonly namespace: string; readonly url: string },
): Promise<void> => {
  const metrics = 'metrics.keptn.sh/v1'
  const at = (name: string) => ({ name, namespace })
  const objects = [
    {
      apiVersion: metrics,
      kind: 'KeptnMetricsProvider',
      metadata: at('prometheus'),
      spec: { type: 'prometheus', targetServer: url },
    },
    {
      apiVersion: metrics,
      kind: 'KeptnMetric',
      metadata: at('load'),
      spec: { provider: { name: 'prometheus' }, query: 'load', fetchIntervalSeconds: 3600 },
    },
    {
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnEvaluationDefinition',
      metadata: at(evaluationName),
      spec: {
        objectives: [{ keptnMetricRef: { name: 'load', namespace }, evaluationTarget: '<2' }],
      },
    },
  ]
  await apply(objects.map((object) => stringify(object)).join('---\n'))
  await eventually(
    async () => {
      const metric = await client.get(KeptnMetric, at('load'))
      if (metric?.status?.value !== '1') throw new Error('The metric has no value yet')
    },
    { timeoutMs: 30_000 },
  )
}
