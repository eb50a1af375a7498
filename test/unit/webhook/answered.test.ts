import { expect, test } from '@jest/globals'
import { pino } from 'pino'
import { buildProcessMetrics } from '../../../telemetry/process-metrics.ts'
import { serveAnswers } from '../../../telemetry/prometheus/answers.ts'
import { buildWebhook } from '../../../webhook/app.ts'
import { podOf, reviewOf, unknownCluster } from './reviews.ts'

test('each answer is counted by its route and status, whatever path was asked for', async () => {
  const { registry } = buildProcessMetrics()
  const app = buildWebhook({
    cluster: unknownCluster,
    log: pino({ level: 'silent' }),
    settings: { namespace: 'keptn-system' },
    onAnswered: serveAnswers(registry),
  })
  const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload })
  await post('/mutate-v1-pod', reviewOf(podOf()))
  await post('/mutate-v1-pod?timeout=2s', reviewOf(podOf()))
  await post('/mutate-v1-pod', {})
  await post('/nowhere/1', {})
  await post('/nowhere/2', {})
  const lines = (await registry.metrics()).split('\n')
  expect(lines.filter((line) => line.startsWith('gatekept_webhook_answer_seconds_count'))).toEqual([
    'gatekept_webhook_answer_seconds_count{path="/mutate-v1-pod",status="200"} 2',
    'gatekept_webhook_answer_seconds_count{path="/mutate-v1-pod",status="400"} 1',
    'gatekept_webhook_answer_seconds_count{path="",status="404"} 2',
  ])
})
