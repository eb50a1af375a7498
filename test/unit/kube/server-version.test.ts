import { expect, test } from '@jest/globals'
import { isOlder, parseVersion, readVersion } from '../../../kube/server-version.ts'

test.each([
  [
    { major: '1', minor: '26' },
    { major: 1, minor: 26 },
  ],
  [
    { major: '1', minor: '27+', gitVersion: 'v1.27.3-gke.100' },
    { major: 1, minor: 27 },
  ],
])('%j is read', (answer, version) => {
  expect(parseVersion(answer)).toEqual(version)
})

test.each([undefined, 'v1.27', {}, { major: '1', minor: '' }, { major: 1, minor: 27 }])(
  '%j is no version',
  (answer) => {
    expect(() => parseVersion(answer)).toThrow('Cannot read the version of the API server')
  },
)

test.each([
  ['1.26', '1.27', true],
  ['1.27', '1.27', false],
  ['1.36', '1.27', false],
  ['1.9', '1.27', true],
  ['2.0', '1.27', false],
  ['0.99', '1.27', true],
])('%s is older than %s: %s', (one, other, expected) => {
  const version = (text: string): { major: number; minor: number } => {
    const [major = 0, minor = 0] = text.split('.').map(Number)
    return { major, minor }
  }
  expect(isOlder(version(one), version(other))).toBe(expected)
})

const backOff = { minMs: 1, maxMs: 2 }

test('an API server that does not answer yet is asked again', async () => {
  const answers = [new Error('away'), { major: '1', minor: '36' }]
  const raw = (): Promise<unknown> => {
    const answer = answers.shift()
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
  }
  const { signal } = new AbortController()
  await expect(readVersion({ raw }, signal, backOff)).resolves.toEqual({ major: 1, minor: 36 })
})

test('who is told to end asks no longer', async () => {
  const raw = (): Promise<unknown> => Promise.reject(new Error('away'))
  await expect(readVersion({ raw }, AbortSignal.abort(), backOff)).rejects.toThrow('away')
})
