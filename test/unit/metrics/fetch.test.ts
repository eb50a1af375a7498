import { afterEach, describe, expect, test } from '@jest/globals'
import { refusal } from '../../../metrics/addresses.ts'
import { createFetch, type Reply } from '../../../metrics/fetch.ts'
import { eventually } from '../../eventually.ts'
import { startSource, type SourceServer } from './source-server.ts'

let source: SourceServer | undefined
afterEach(async () => {
  await source?.close()
  source = undefined
})

type Answer = Parameters<typeof startSource>[0]

/** Fetches from a source that answers so, and tells how long was waited between the tries. */
const fetchFrom = async (
  answer: Answer,
  { leftMs = 20_000, url }: { readonly leftMs?: number; readonly url?: string } = {},
): Promise<{ readonly reply: Reply | Error; readonly waits: readonly number[] }> => {
  source = await startSource(answer)
  const waits: number[] = []
  const { fetch, close } = createFetch({
    refuse: refusal({ allowed: ['127.0.0.0/8'] }),
    wait: (ms) => {
      waits.push(ms)
      return Promise.resolve()
    },
  })
  const request = {
    url: new URL(url ?? source.url),
    method: 'GET',
    headers: {},
    insecureSkipTlsVerify: false,
    leftMs: () => leftMs,
  } as const
  const reply = await fetch(request, new AbortController().signal).catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  )
  await close()
  return { reply, waits }
}

const busy =
  (headers: Readonly<Record<string, string>> = {}): Answer =>
  (_received, response) => {
    response.writeHead(429, headers).end('busy')
  }

describe('a source that is busy', () => {
  test('is asked three times, after waits that grow', async () => {
    const { reply, waits } = await fetchFrom(busy())
    expect(reply).toEqual({ status: 429, body: 'busy' })
    expect(source?.received).toHaveLength(3)
    expect(waits[0]).toBeGreaterThanOrEqual(200)
    expect(waits[0]).toBeLessThan(400)
    expect(waits[1]).toBeGreaterThanOrEqual(800)
    expect(waits[1]).toBeLessThan(1600)
  })

  test('is given the time that it asks for', async () => {
    const { waits } = await fetchFrom(busy({ 'retry-after': '3' }))
    expect(waits).toEqual([3000, 3000])
  })

  test('is given until the instant that it names', async () => {
    const { waits } = await fetchFrom(
      busy({ 'retry-after': new Date(Date.now() + 5000).toUTCString() }),
    )
    expect(waits[0]).toBeGreaterThan(2500)
    expect(waits[0]).toBeLessThanOrEqual(5000)
  })

  test('is not waited for when there is no time left for that', async () => {
    const { reply, waits } = await fetchFrom(busy({ 'retry-after': '3' }), { leftMs: 2999 })
    expect(reply).toEqual({ status: 429, body: 'busy' })
    expect(waits).toEqual([])
    expect(source?.received).toHaveLength(1)
  })

  test.each(['soon', '-1', ''])('may say "%s", which is nothing', async (text) => {
    const { waits } = await fetchFrom(busy({ 'retry-after': text }))
    expect(waits).toHaveLength(2)
    expect(waits[0]).toBeLessThan(400)
  })
})

test('a connection that is refused is tried three times', async () => {
  const gone = await startSource(() => undefined)
  await gone.close()
  const { reply, waits } = await fetchFrom(() => undefined, { url: gone.url })
  expect(reply).toMatchObject({ message: `Cannot reach ${gone.url}: the connection was refused` })
  expect(waits).toHaveLength(2)
})

test('an address that is refused is not tried again', async () => {
  const { reply, waits } = await fetchFrom(() => undefined, { url: 'http://169.254.169.254' })
  expect(reply).toMatchObject({ name: 'ProviderError' })
  expect(waits).toEqual([])
})

test('a reply that says that it is too large is not waited for', async () => {
  const { reply } = await fetchFrom((_received, response) => {
    response.writeHead(200, { 'content-length': '10000000' }).write('a little')
  })
  expect(reply).toMatchObject({ message: 'The reply is larger than 1048576 bytes' })
})

test('a name is looked up once, however many wait for it, and anew for the next', async () => {
  source = await startSource((_asked, response) => response.end('{}'))
  const { port } = new URL(source.url)
  let lookups = 0
  let find: () => void = () => undefined
  const { fetch, close } = createFetch({
    refuse: refusal({ allowed: ['127.0.0.0/8'] }),
    resolve: async () => {
      lookups++
      await new Promise<void>((resolve) => (find = resolve))
      return [{ address: '127.0.0.1', family: 4 }]
    },
  })
  const ask = (insecureSkipTlsVerify: boolean): Promise<Reply> =>
    fetch(
      {
        url: new URL(`http://source.test:${port}`),
        method: 'GET',
        headers: { connection: 'close' },
        insecureSkipTlsVerify,
        leftMs: () => 20_000,
      },
      new AbortController().signal,
    )
  const asked = [ask(false), ask(false), ask(true)]
  await new Promise(setImmediate)
  expect(lookups).toBe(1)
  find()
  await Promise.all(asked)
  const later = ask(true)
  await eventually(() => expect(lookups).toBe(2))
  find()
  await later
  await close()
})
