/** The three programs that refuse addresses (ours, and those of both images) refuse the same. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { pythonRuntimeImage } from '../../../deploy/images.ts'
import { root } from '../../../deploy/paths.ts'
import { refusal, refusedRanges } from '../../../metrics/addresses.ts'
import { refusedRanges as denoRanges, refusalOf } from '../../../runtimes/deno/addresses.ts'
import { unpackImage } from './unpacked-image.ts'

const allowed = ['127.0.0.0/9', '::1']
const apiServer = ['10.96.0.1', 'fd00::1']

const edge = fc.constantFrom(
  ...[...refusedRanges, ...allowed, ...apiServer].map((range) => range.split('/')[0] ?? ''),
)

const ipv4 = fc.oneof(
  fc.ipV4(),
  edge.filter((address) => !address.includes(':')),
  // Beside an edge, on either side.
  fc
    .tuple(
      edge.filter((address) => !address.includes(':')),
      fc.integer({ min: -2, max: 2 }),
    )
    .map(([address, by]) => {
      const number = address.split('.').reduce((all, part) => all * 256 + Number(part), 0) + by
      const within = ((number % 2 ** 32) + 2 ** 32) % 2 ** 32
      return [24, 16, 8, 0].map((bits) => Math.floor(within / 2 ** bits) % 256).join('.')
    }),
)

const hex = (address: string): string => {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}

const address = fc.oneof(
  ipv4,
  fc.ipV6().filter((text) => !text.includes('%')),
  edge,
  fc
    .tuple(fc.constantFrom('::ffff:', '64:ff9b::', '::', '64:ff9b:1::', '::ffff:0:'), ipv4)
    .map(([prefix, inner]) => `${prefix}${hex(inner)}`),
  fc.tuple(fc.constantFrom('::ffff:', '64:ff9b::', '::'), ipv4).map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom('fe80', 'febf', 'fec0', 'ff02'), fc.nat(65535))
    .map(([first, last]) => `${first}::${last.toString(16)}`),
  fc.constantFrom('::ffff:5', '::5', '64:ff9b::5', 'fe80::1%eth0', '0:0:0:0:0:ffff:7f00:1'),
)

test('the tables of all three are equal', () => {
  expect(denoRanges).toEqual(refusedRanges)
  const python = readFileSync(join(root, 'runtimes/python/addresses.py'), 'utf8')
  const table = python.split('REFUSED_RANGES = (\n')[1]?.split('\n)\n')[0] ?? ''
  const lines = table.replaceAll(/#.*/g, '')
  expect([...lines.matchAll(/"([^"]+)"/g)].map(([, range]) => range)).toEqual(refusedRanges)
})

test('10,000 generated addresses are refused by all three or by none', async () => {
  const addresses = fc.sample(address, 10_000)
  const ours = refusal({ allowed, apiServer: () => apiServer.map((own) => ({ address: own })) })
  const denos = refusalOf({ allowed, refused: [], apiServer })
  const expected = addresses.map((one) => ours(one, 443) ?? '')
  expect(addresses.map((one) => denos(one) ?? '')).toEqual(expected)
  expect(new Set(expected).size).toBe(3)

  const image = await unpackImage(await pythonRuntimeImage(), '127.0.0.1 localhost\n')
  try {
    await image.write('/tmp/question.json', JSON.stringify({ addresses, allowed, apiServer }))
    await image.write(
      '/tmp/ask.py',
      `import json, sys
sys.path.insert(0, '/usr/local/lib/gatekept')
from addresses import refusal_of
question = json.load(open('/tmp/question.json'))
refusal = refusal_of(question['allowed'], [], question['apiServer'])
print(json.dumps([refusal(each) or '' for each in question['addresses']]))
`,
    )
    const { output, complaint } = await image.runScript({ script: '/tmp/ask.py' })
    expect(complaint).toBe('')
    const differing = (JSON.parse(output) as string[]).flatMap((said, i) =>
      said === expected[i] ? [] : [{ address: addresses[i], said, expected: expected[i] }],
    )
    expect(differing).toEqual([])
  } finally {
    await image.remove()
  }
}, 300_000)
