import { expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { jsonLines } from '../../../kube/json-lines.ts'

async function* chunksOf(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0
  for (const cut of [...cuts, bytes.length]) {
    await Promise.resolve()
    yield bytes.subarray(start, cut)
    start = cut
  }
}

const read = async (bytes: Uint8Array, cuts: readonly number[] = [], limit = 1e6) => {
  const values: unknown[] = []
  for await (const value of jsonLines(chunksOf(bytes, cuts), limit)) values.push(value)
  return values
}

const values = [{ type: 'ADDED', note: 'ä€😀' }, { text: 'line\nbreak' }, 7, 'ü']
const bytes = new TextEncoder().encode(values.map((value) => `${JSON.stringify(value)}\n`).join(''))

test('values survive a cut at any byte', async () => {
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    expect(await read(bytes, [cut])).toEqual(values)
  }
})

test('values survive any number of cuts', async () => {
  const cuts = fc.array(fc.integer({ min: 0, max: bytes.length }))
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      const sorted = [...places].sort((a, b) => a - b)
      expect(await read(bytes, sorted)).toEqual(values)
    }),
  )
})

test('a byte at a time, with a line of a megabyte', async () => {
  const big = new TextEncoder().encode(`${JSON.stringify({ code: 'x'.repeat(1e6) })}\n`)
  const cuts = Array.from({ length: 500 }, (_, index) => index * 2_000)
  expect(await read(big, cuts, 2e6)).toEqual([{ code: 'x'.repeat(1e6) }])
})

test('a stream that ends anywhere within a line is an error, after the values before it', async () => {
  const first = JSON.stringify(values[0]).length
  for (let end = 1; end < first; end += 1) {
    await expect(read(bytes.subarray(0, end))).rejects.toMatchObject({ reason: 'Cut' })
  }
})

test('a line that is not JSON is an error that does not quote it', async () => {
  const secret = new TextEncoder().encode('{"password": hunter2}\n')
  const error: unknown = await read(secret).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ reason: 'Malformed' })
  expect(String(error)).not.toContain('hunter2')
  expect((error as Error).cause).toBeUndefined()
})

test('a line without end is given up at the limit', async () => {
  await expect(read(new Uint8Array(100).fill(0x20), [50], 60)).rejects.toMatchObject({
    reason: 'TooLarge',
  })
})
