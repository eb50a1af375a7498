import { expect, test } from '@jest/globals'
import fc from 'fast-check'
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
])('masks %s', (_, output, secrets, masked) => {
  expect(mask(output, ...secrets)).toBe(masked)
})

test('leaves short numbers of JSON alone', () => {
  expect(mask('exit 1 of 22', '{"a":1,"b":22}')).toBe('exit 1 of 22')
})

test('keeps the end of a long output, in whole characters', () => {
  const output = `${'é'.repeat(3000)}end`
  const kept = maskedTail(output, [], 2048)
  expect(kept.endsWith('éend')).toBe(true)
  expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(2048)
  expect(kept).not.toContain('\uFFFD')
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
