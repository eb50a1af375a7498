import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { fastify, type FastifyInstance } from 'fastify'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { get as getTls } from 'node:https'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { createAuthority, issueServerCertificate } from '../../../certs/authority.ts'
import { startServing, tls, type Serving } from '../../../kube/serving.ts'
import { eventually } from '../../eventually.ts'

const log = pino({ level: 'silent' })
const host = '127.0.0.1'
let serving: Serving | undefined
let agent: Agent
beforeEach(() => {
  agent = new Agent({ keepAlive: true, maxSockets: 1 })
})
afterEach(async () => {
  agent.destroy()
  for (const socket of opened.splice(0)) socket.destroy()
  await serving?.end({ drains: false })
})

/** A server of which one path answers when the test says so. */
const start = async (drainMs: number) => {
  const app = fastify({ return503OnClosing: false }) as unknown as FastifyInstance
  let answer: (() => void) | undefined
  app.get('/', () => 'ok')
  app.get('/slow', () => new Promise((resolve) => (answer = () => resolve('ok'))))
  const started = await startServing({ app, port: 0, host, drainMs, log })
  serving = started
  const ask = (path: string, through = agent): Promise<{ status: number; closes: boolean }> =>
    new Promise((resolve, reject) => {
      get({ host, port: started.port, path, agent: through }, (response) => {
        const closes = response.headers.connection === 'close'
        response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, closes }))
      }).on('error', reject)
    })
  return {
    app,
    ask,
    serving: started,
    answer: () => answer?.(),
    isAsked: () => answer !== undefined,
  }
}

const opened: Socket[] = []

/** Opens a connection and does not use it. */
const open = async (port: number): Promise<Socket> => {
  const socket = connect({ host, port })
  opened.push(socket)
  await once(socket, 'connect')
  return socket
}

const connectionsOf = ({ server }: FastifyInstance): Promise<number> =>
  new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })

test('whoever still comes while it drains is answered, and asked to come back elsewhere', async () => {
  const { ask, serving: ends } = await start(500)
  expect(await ask('/')).toEqual({ status: 200, closes: false })
  expect(ends.isReady(new Date())).toBe(true)
  const ended = ends.end()
  expect(ends.isReady(new Date())).toBe(false)
  // On the connection from before, and on a new one.
  expect(await ask('/')).toEqual({ status: 200, closes: true })
  expect(await ask('/', new Agent())).toEqual({ status: 200, closes: true })
  await ended
  await expect(ask('/', new Agent())).rejects.toThrow('ECONNREFUSED')
})

test('what is under way is answered before it has ended', async () => {
  const { ask, serving: ends, answer, isAsked } = await start(0)
  const asked = ask('/slow')
  await eventually(() => expect(isAsked()).toBe(true))
  const ended = ends.end({ drains: false })
  answer()
  expect((await asked).status).toBe(200)
  await ended
})

describe('it does not wait for connections that were opened and never used', () => {
  test('once what was under way is answered', async () => {
    const { ask, serving: ends, answer, isAsked } = await start(0)
    const unused = await open(ends.port)
    const asked = ask('/slow')
    await eventually(() => expect(isAsked()).toBe(true))
    const ended = ends.end({ drains: false })
    answer()
    expect((await asked).status).toBe(200)
    await Promise.all([ended, once(unused, 'close')])
  }, 5_000)

  test('nor where there is nothing under way', async () => {
    const { app, serving: ends } = await start(0)
    const unused = await open(ends.port)
    await eventually(async () => expect(await connectionsOf(app)).toBe(1))
    await Promise.all([ends.end({ drains: false }), once(unused, 'close')])
  }, 5_000)
})

test('connections outlive those of an API server, also ones that were never used', async () => {
  const { app } = await start(0)
  expect(app.server.keepAliveTimeout).toBeGreaterThanOrEqual(95_000)
  expect(app.server.headersTimeout).toBeGreaterThanOrEqual(95_000)
  expect(app.server.requestTimeout).toBeGreaterThanOrEqual(95_000)
})

describe('a server of TLS', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'serving-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  const ask = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      getTls({ host, port, agent: false, rejectUnauthorized: false }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
      }).on('error', reject)
    })

  test('listens without a certificate, and is ready as soon as there is one', async () => {
    const app = fastify({ https: tls }) as unknown as FastifyInstance
    app.get('/', () => 'ok')
    const started = await startServing({ app, port: 0, host, certificate: { folder }, log })
    serving = started
    expect(started.isReady(new Date())).toBe(false)
    await expect(ask(started.port)).rejects.toThrow()
    const now = new Date()
    const pair = await issueServerCertificate(await createAuthority(now), 'keptn-system', now)
    await writeFile(join(folder, 'tls.crt'), pair.cert)
    await writeFile(join(folder, 'tls.key'), pair.key)
    await eventually(() => expect(started.isReady(new Date())).toBe(true), { timeoutMs: 5_000 })
    expect(await ask(started.port)).toBe(200)
  })
})

test('a port that is taken is an error', async () => {
  const { serving: first } = await start(0)
  const app = fastify() as unknown as FastifyInstance
  await expect(startServing({ app, port: first.port, host, log })).rejects.toThrow('EADDRINUSE')
})
