import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Agent } from 'undici'
import { post, whyNoAnswer } from '../../../telemetry/posting.ts'

let agent: Agent
let server: Server | undefined
let stopping: AbortController
beforeEach(() => {
  agent = new Agent({ connections: 1 })
  stopping = new AbortController()
})
afterEach(async () => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
  await agent.destroy()
})

const listen = async (listener: RequestListener): Promise<URL> => {
  server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=1`)
}

const posted = (url: URL, timeoutMs?: number): Promise<unknown> =>
  post(
    agent,
    { url, headers: { 'x-token': 'canary' }, body: 'told' },
    { signal: stopping.signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
  )

const why = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'answered',
    (error: unknown) => whyNoAnswer(error),
  )

test('what is posted arrives whole, and the answer is its status', async () => {
  const seen: unknown[] = []
  const url = await listen((request, response) => {
    void text(request).then((body) => {
      seen.push([request.method, request.url, request.headers['x-token'], body])
      response.writeHead(204).end()
    })
  })
  expect(await posted(url)).toEqual({ status: 204 })
  expect(await posted(url)).toEqual({ status: 204 })
  expect(seen).toEqual(Array(2).fill(['POST', '/hook?key=1', 'canary', 'told']))
})

test('a redirect is an answer, and nobody is posted what it names', async () => {
  let count = 0
  const url = await listen((_, response) => {
    count += 1
    response.writeHead(307, { location: '/other' }).end()
  })
  expect(await posted(url)).toEqual({ status: 307 })
  expect(count).toBe(1)
})

test.each([
  ['3', 3_000],
  ['300', 300_000],
  ['301', undefined],
  ['0', undefined],
  ['soon', undefined],
  ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
])('of a server that asks for %s seconds, so many milliseconds count: %s', async (said, ms) => {
  const url = await listen((_, response) => {
    response.writeHead(503, { 'retry-after': said }).end()
  })
  expect(await posted(url)).toEqual({
    status: 503,
    ...(ms === undefined ? {} : { retryAfterMs: ms }),
  })
})

test('an answer without end is cut off, and its status counts', async () => {
  const url = await listen((_, response) => {
    response.writeHead(200)
    const more = setInterval(() => response.write('x'.repeat(16_384)), 1)
    response.on('close', () => clearInterval(more))
  })
  expect(await posted(url)).toEqual({ status: 200 })
})

test('no answer, or one that never ends, is waited for as long as it was said', async () => {
  let isQuick = false
  const url = await listen((request, response) => {
    request.resume()
    if (request.url !== '/hook?key=1') response.writeHead(200).write('x')
    if (isQuick) response.writeHead(200).end()
  })
  expect(await why(posted(url, 200))).toBe('it gives no answer within 0.2 seconds')
  expect(await why(posted(new URL('/slow', url), 200))).toBe(
    'it gives no answer within 0.2 seconds',
  )
  isQuick = true
  // The only connection is not taken for ever.
  expect(await posted(url)).toEqual({ status: 200 })
})

test('nobody there is said by its code, and nothing of the address', async () => {
  const said = await why(posted(new URL('http://user:canary@127.0.0.1:9/secret')))
  expect(said).toBe("it can't be reached (ECONNREFUSED)")
})

test('who stops waits no longer', async () => {
  const url = await listen((request) => request.resume())
  const call = why(posted(url))
  stopping.abort()
  expect(await call).toBe("it can't be reached (Error)")
})
