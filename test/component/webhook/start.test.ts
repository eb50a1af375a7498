/** The process `gatekept webhook` before an API server that takes its time: a stand-in, so that it can be late and old. */
import { afterEach, expect, test } from '@jest/globals'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority, issueServerCertificate } from '../../../certs/authority.ts'
import { eventually } from '../../eventually.ts'
import type { Orders } from './replica.ts'
import { freePort } from './service.ts'

const namespace = 'keptn-system'
const quick = { timeoutMs: 30_000, everyMs: 50 }

const cleanUp: (() => unknown)[] = []
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
})

/** An API server without objects, which says nothing of its version until it is told what to say. */
const startApiServer = async () => {
  const asked: ServerResponse[] = []
  let minor: string | undefined
  const say = (response: ServerResponse, body: object): void => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body))
  }
  const sayVersion = (response: ServerResponse): void => {
    if (minor !== undefined) say(response, { major: '1', minor })
  }
  const server: Server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    if (pathname === '/version') {
      asked.push(response)
      sayVersion(response)
    } else if (searchParams.get('watch') === null) {
      say(response, { metadata: { resourceVersion: '1' }, items: [] })
    } else response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    timesAsked: () => asked.length,
    isMinor: (known: string) => {
      minor = known
      asked.forEach(sayVersion)
    },
  }
}

/** Starts the process with a certificate that is valid. */
const startWebhook = async (server: string) => {
  const folder = await mkdtemp(join(tmpdir(), 'webhook-start-'))
  cleanUp.push(() => rm(folder, { recursive: true }))
  const now = new Date()
  const { cert, key } = await issueServerCertificate(await createAuthority(now), namespace, now)
  await writeFile(join(folder, 'tls.crt'), cert)
  await writeFile(join(folder, 'tls.key'), key)
  const [port, probePort] = [await freePort(), await freePort()]
  const child: ChildProcess = fork(join(import.meta.dirname, 'replica.ts'), {
    ...{ execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
  })
  cleanUp.push(() => child.kill('SIGKILL'))
  let complaint = ''
  child.stderr?.on('data', (text: Buffer) => (complaint += text.toString()))
  child.send({
    ...{ server, ca: '', token: 'none' },
    environment: {
      ...{ POD_NAMESPACE: namespace, CERTIFICATE_FOLDER: folder, LOG_LEVEL: 'error' },
      ...{ WEBHOOK_PORT: `${port}`, PROBE_PORT: `${probePort}` },
    },
  } satisfies Orders)
  return {
    /** What the kubelet hears. */
    probe: async (path: '/healthz' | '/readyz') =>
      (await fetch(`http://127.0.0.1:${probePort}${path}`)).status,
    ended: once(child, 'exit').then(([code]) => ({ code: code as number, complaint })),
  }
}

test('it is alive and not ready while the API server does not say its version, and ready once it does', async () => {
  const apiServer = await startApiServer()
  const webhook = await startWebhook(apiServer.url)
  await eventually(() => expect(apiServer.timesAsked()).toBeGreaterThan(0), quick)
  for (let time = 0; time < 10; time += 1) {
    expect(await webhook.probe('/healthz')).toBe(200)
    expect(await webhook.probe('/readyz')).toBe(503)
  }
  apiServer.isMinor('36+')
  await eventually(async () => expect(await webhook.probe('/readyz')).toBe(200), quick)
})

test('it ends with a sentence where gates would be dropped', async () => {
  const apiServer = await startApiServer()
  const webhook = await startWebhook(apiServer.url)
  await eventually(async () => expect(await webhook.probe('/healthz')).toBe(200), quick)
  apiServer.isMinor('26')
  const { code, complaint } = await webhook.ended
  expect(code).not.toBe(0)
  expect(complaint).toContain('Kubernetes 1.26 drops scheduling gates silently')
})
