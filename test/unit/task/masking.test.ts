import { expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { maskedTail, tracesOf } from '../../../lifecycle/task/masking.ts'

const mask = (output: string, ...secrets: readonly string[]): string =>
  maskedTail(output, tracesOf(secrets), 2048)

test.each([
  ['the value itself', 'token is hunter2!', ['hunter2'], 'token is ***!'],
  ['the value without its line end', 'token is hunter2!', ['hunter2\n'], 'token is ***!'],
  ['every place', 'hunter2 hunter2', ['hunter2'], '*** ***'],
  ['a string in JSON', 'posting to c2VjcmV0', ['{"hook":"c2VjcmV0"}'], 'posting to ***'],
  ['a string deep in JSON', 'got c2VjcmV0', ['{"a":[{"b":"c2VjcmV0"}]}'], 'got ***'],
  ['a long number in JSON', 'pin 483920', ['{"pin":483920}'], 'pin ***'],
  ['the longer of two first', 'hunter22', ['hunter2', 'hunter22'], '***'],
  ['a secret as JSON', String.raw`"a\nb"`, ['a\nb'], '"***"'],
  ['a secret in a URL', 'https://x/?t=a%2Fb%3D', ['a/b='], 'https://x/?t=***'],
  ['the end of a secret where the log was cut', 'ter2 was wrong', ['hunter2'], '*** was wrong'],
  ['the start of a secret at the end', 'password: hunt', ['hunter2'], 'password: ***'],
  ['a line', 'login failed for s3cr3t!', ['bob\ns3cr3t!\n'], 'login failed for ***'],
  [
    'what follows a key',
    'login failed … CANARY-hunter2-XYZ',
    ['user=bob\npassword=CANARY-hunter2-XYZ\n'],
    'login failed … ***',
  ],
  ['what follows a key and a colon', 'pw is a b c', ['pin:a b c'], 'pw is ***'],
  ['a short word', 'pin is 4711.', ['user=bob,pin=4711'], 'pin is ***.'],
  ['a short word in a URL', 'pw x9y8', ['https://bob:x9y8@db.local/shop'], 'pw ***'],
  [
    'a piece of a word',
    'in two: hunter2, er2-XYZ!',
    ['pw=CANARY-hunter2-XYZ'],
    'in two: ***, ***!',
  ],
  [
    'JSON within JSON',
    'got ab1!',
    [JSON.stringify({ a: JSON.stringify({ b: 'ab1!' }) })],
    'got ***',
  ],
  [
    'the whole as base64',
    `got ${btoa('user=bob\npw=x9y8\n')}`,
    ['user=bob\npw=x9y8\n'],
    'got ***=',
  ],
  ['a word as base64', `got ${btoa('x9y8')}`, ['user=bob\npw=x9y8\n'], 'got ***=='],
  ['a word in a form', 'got a+b%21c', ['{"pw":"a b!c"}'], 'got ***'],
])('masks %s', (_, output, secrets, masked) => {
  expect(mask(output, ...secrets)).toBe(masked)
})

test('leaves short numbers of JSON alone', () => {
  expect(mask('exit 1 of 22', '{"a":1,"b":22}')).toBe('exit 1 of 22')
})

test('keeps the end of a long output, in whole characters', () => {
  const output = `${'é'.repeat(3000)}end`
  const kept = maskedTail(output, tracesOf([]), 2048)
  expect(kept.endsWith('éend')).toBe(true)
  expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(2048)
  expect(kept).not.toContain('\uFFFD')
})

/** Every run of six characters in a row. */
const runsOf = (text: string): readonly string[] =>
  Array.from({ length: Math.max(0, text.length - 5) }, (_, at) => text.slice(at, at + 6))

const words = fc.stringMatching(/^[A-Za-z0-9!#$%@/+._-]{4,24}$/)
const settings = fc.array(fc.tuple(fc.stringMatching(/^[a-z]{2,9}$/), words), {
  minLength: 1,
  maxLength: 5,
})
const secrets = fc.oneof(
  words,
  settings.map((all) => all.map(([key, value]) => `${key}=${value}`).join('\n')),
  settings.map((all) => all.map(([key, value]) => `${key}: ${value}\r\n`).join('')),
  settings.map((all) => all.map(([key, value]) => `${key}='${value}'`).join('; ')),
  settings.map((all) => JSON.stringify({ deep: [Object.fromEntries(all)] })),
)
const forms: readonly ((text: string) => string)[] = [
  (text) => text,
  JSON.stringify,
  encodeURIComponent,
  (text) => JSON.stringify({ text }),
  (text) => new URLSearchParams({ text }).toString(),
]
const bounds = fc.tuple(fc.nat(120), fc.nat(120))
const noise = fc.stringMatching(/^[ -)]{0,9}$/)

test('of no secret more than five characters in a row are left, however it was taken apart', () => {
  const pieces = fc.tuple(secrets, bounds, fc.constantFrom(...forms), noise)
  fc.assert(
    fc.property(pieces, ([secret, [start, length], form, around]) => {
      const piece = secret.slice(start % secret.length, (start % secret.length) + length)
      const masked = mask(`${around}${form(piece)}${around}`, secret)
      for (const run of runsOf(secret)) expect(masked).not.toContain(run)
    }),
    { numRuns: 2_000 },
  )
})

test('of no secret in base64 more than what shares a group with other bytes is left', () => {
  fc.assert(
    fc.property(secrets, noise, noise, (secret, before, after) => {
      const masked = mask(btoa(`${before}${secret}${after}`), secret)
      for (const at of [0, 1, 2]) {
        const known = btoa(secret.slice(at, secret.length - ((secret.length - at) % 3)))
        for (const run of runsOf(known)) expect(masked).not.toContain(run)
      }
    }),
  )
})

test('of a secret of four characters in base64 no more than its first and last is left', () => {
  const four = fc.stringMatching(/^[!-~]{4}$/)
  const beside = fc.stringMatching(/^[ -~]{0,5}$/)
  fc.assert(
    fc.property(four, beside, beside, (secret, before, after) => {
      const encoded = btoa(`${before}${secret}${after}`)
      const shown = mask(encoded, secret)
      const [start = '', end = ''] = shown.split('***')
      expect(shown).toContain('***')
      expect(start.length).toBeLessThanOrEqual(Math.ceil(((before.length + 1) * 4) / 3))
      expect(end.replace(/=*$/, '').length).toBeLessThanOrEqual(
        Math.ceil(((after.length + 1) * 4) / 3),
      )
    }),
  )
})

test('no output holds a secret, nor the end of one that the log was cut in', () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9+/=]{8,40}$/)
  fc.assert(
    fc.property(secret, fc.string(), fc.string(), fc.nat(4), (text, before, after, cut) => {
      expect(mask(`${before}${text}${after}`, text)).not.toContain(text)
      const rest = text.slice(cut)
      expect(mask(`${rest}${after}`, text)).not.toContain(rest)
    }),
  )
})
