/** The three programs that refuse addresses (ours, and those of both images) refuse the same. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { pythonRuntimeImage } from '../../../deploy/images.ts'
import { root } from '../../../deploy/paths.ts'
import { disguisingRanges, refusal, refusedRanges } from '../../../metrics/addresses.ts'
import {
  disguisingRanges as denoDisguisingRanges,
  refusedRanges as denoRanges,
  refusalOf,
} from '../../../runtimes/deno/addresses.ts'
import { unpackImage } from './unpacked-image.ts'

const allowed = ['127.0.0.0/9', '::1']
const apiServer = ['10.96.0.1', 'fd00::1']

const edge = fc.constantFrom(
  ...[...refusedRanges, ...disguisingRanges, ...allowed, ...apiServer].map(
    (range) => range.split('/')[0] ?? '',
  ),
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

/** An IPv4 address behind a byte of zeros, in three groups. */
const nat64 = (address: string): string => {
  const [a = '0', b = '0', c = '0', d = '0'] = address.split('.')
  const digits = [a, b, c, d].map((part) => Number(part).toString(16).padStart(2, '0')).join('')
  return `00${digits.slice(0, 2)}:${digits.slice(2, 6)}:${digits.slice(6)}00`
}

/** With every bit turned: how Teredo writes the address of a client. */
const inverted = (address: string): string =>
  hex(
    address
      .split('.')
      .map((part) => 255 - Number(part))
      .join('.'),
  )

/** The ways to put an IPv4 address into an IPv6 one. They know nothing of how it is found in there. */
const disguises: readonly ((inner: string) => string)[] = [
  (inner) => `::ffff:${hex(inner)}`,
  (inner) => `::ffff:${inner}`,
  (inner) => `::ffff:0:${hex(inner)}`,
  (inner) => `::ffff:0:${inner}`,
  (inner) => `64:ff9b::${hex(inner)}`,
  (inner) => `64:ff9b::${inner}`,
  (inner) => `64:ff9b:1::${hex(inner)}`,
  (inner) => `64:ff9b:1:ab:cd:ef:${inner}`,
  // With a prefix of 64 bits: behind a byte of zeros (RFC 6052).
  (inner) => `64:ff9b:1:7:${nat64(inner)}:0`,
  (inner) => `2002:${hex(inner)}::1`,
  (inner) => `2002:${hex(inner)}:1:2:3:4:5`,
  (inner) => `2001:0:cb00:7109:0:ffff:${inverted(inner)}`,
  (inner) => `2001:0:${hex(inner)}:8000:ffff:34ff:8ef6`,
]

const address = fc.oneof(
  ipv4,
  fc.ipV6().filter((text) => !text.includes('%')),
  edge,
  fc.tuple(fc.constantFrom(...disguises), ipv4).map(([disguise, inner]) => disguise(inner)),
  ipv4.map((inner) => `::${inner}`),
  ipv4.map((inner) => `::${hex(inner)}`),
  // Beside the ranges that are refused as a whole.
  fc
    .tuple(
      fc.constantFrom('2001:1::', '2003::', '64:ff9b:2::', '64:ff9b:0:1::', '::fffe:0:'),
      ipv4.map(hex),
    )
    .map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom('fe80', 'febf', 'fec0', 'ff02'), fc.nat(65535))
    .map(([first, last]) => `${first}::${last.toString(16)}`),
  fc.constantFrom('::ffff:5', '::5', '64:ff9b::5', 'fe80::1%eth0', '0:0:0:0:0:ffff:7f00:1'),
)

test('the tables of all three are equal', () => {
  expect(denoRanges).toEqual(refusedRanges)
  expect(denoDisguisingRanges).toEqual(disguisingRanges)
  expect(pythonTable('REFUSED_RANGES')).toEqual(refusedRanges)
  expect(pythonTable('DISGUISING_RANGES')).toEqual(disguisingRanges)
})

const pythonTable = (name: string): readonly (string | undefined)[] => {
  const python = readFileSync(join(root, 'runtimes/python/addresses.py'), 'utf8')
  const table = python.split(`\n${name} = (\n`)[1]?.split('\n)\n')[0] ?? ''
  return [...table.replaceAll(/#.*/g, '').matchAll(/"([^"]+)"/g)].map(([, range]) => range)
}

test('what is refused is refused in every disguise', () => {
  const ours = refusal({ apiServer: () => apiServer.map((own) => ({ address: own })) })
  fc.assert(
    fc.property(ipv4, fc.constantFrom(...disguises), (inner, disguise) => {
      fc.pre(ours(inner, 443) !== undefined)
      expect(isIP(disguise(inner))).toBe(6)
      expect(ours(disguise(inner), 443)).toEqual(expect.any(String))
    }),
    { numRuns: 10_000 },
  )
})

test('10,000 generated addresses are refused by all three or by none', async () => {
  const addresses = fc.sample(address, 10_000)
  const ours = refusal({ allowed, apiServer: () => apiServer.map((own) => ({ address: own })) })
  const denos = refusalOf({ allowed, refused: [], apiServer })
  const expected = addresses.map((one) => ours(one, 443) ?? '')
  expect(addresses.map((one) => denos(one) ?? '')).toEqual(expected)
  expect(new Set(expected).size).toBe(4)

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
