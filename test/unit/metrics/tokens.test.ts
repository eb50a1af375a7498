import { expect, test } from '@jest/globals'
import { createTokens } from '../../../metrics/tokens.ts'

const start = () => {
  const clock = { ms: 0 }
  const tokensOf = createTokens(() => new Date(clock.ms))
  let granted = 0
  const obtain = () => Promise.resolve({ token: `token ${++granted}`, forSeconds: 300 })
  return { clock, tokensOf, obtain }
}

test('a token is kept until half a minute before it expires', async () => {
  const { clock, tokensOf, obtain } = start()
  expect(await tokensOf('a').get('id', obtain)).toBe('token 1')
  clock.ms = 269_999
  expect(await tokensOf('a').get('id', obtain)).toBe('token 1')
  clock.ms = 270_000
  expect(await tokensOf('a').get('id', obtain)).toBe('token 2')
})

test('another provider, and the same one with other credentials, gets another', async () => {
  const { tokensOf, obtain } = start()
  expect(await tokensOf('a').get('id', obtain)).toBe('token 1')
  expect(await tokensOf('b').get('id', obtain)).toBe('token 2')
  expect(await tokensOf('a').get('new', obtain)).toBe('token 3')
  expect(await tokensOf('b').get('id', obtain)).toBe('token 2')
})

test('one that was refused is not used again', async () => {
  const { tokensOf, obtain } = start()
  await tokensOf('a').get('id', obtain)
  tokensOf('a').forget()
  expect(await tokensOf('a').get('id', obtain)).toBe('token 2')
})
