import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { buildProbes } from '../../../telemetry/probes.ts'
import { buildProcessMetrics } from '../../../telemetry/process-metrics.ts'

/** Asks a server on a port of its own, and ends it. */
const withServer = async <T>(
  server: Server,
  use: (ask: (path: string) => Promise<Response>) => Promise<T>,
): Promise<T> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    return await use((path) => fetch(`http://127.0.0.1:${String(port)}${path}`))
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

test('a process is alive as soon as it answers, and ready when it says so', async () => {
  let isReady = false
  const server = buildProbes(() => isReady)
  await withServer(server, async (ask) => {
    expect((await ask('/healthz')).status).toBe(200)
    expect((await ask('/readyz')).status).toBe(503)
    isReady = true
    expect((await ask('/readyz')).status).toBe(200)
    expect((await ask('/')).status).toBe(404)
  })
})

test('passes are counted by controller and outcome', async () => {
  const { server, onPass } = buildProcessMetrics()
  onPass({ controller: 'task', ms: 12, outcome: 'done' })
  await withServer(server, async (ask) => {
    const answer = await ask('/metrics')
    expect(answer.headers.get('content-type')).toContain('text/plain')
    const text = await answer.text()
    expect(text).toContain(
      'gatekept_controller_pass_seconds_count{controller="task",outcome="done"} 1',
    )
    expect(text).toContain('process_cpu_seconds_total')
    expect((await ask('/')).status).toBe(404)
  })
})

test('gauges that are shown tell what there is when they are asked', async () => {
  const { server, show } = buildProcessMetrics()
  let series = [{ labels: { name: 'a' }, value: 75 }]
  show([{ name: 'share', help: 'How much', labelNames: ['name'], series: () => series }])
  await withServer(server, async (ask) => {
    expect(await (await ask('/metrics')).text()).toContain('share{name="a"} 75')
    series = []
    expect(await (await ask('/metrics')).text()).not.toContain('share{')
  })
})
