import { beforeEach, describe, expect, test } from '@jest/globals'
import { createReviews, type Reviews } from '../../../../metrics/custom-metrics/reviews.ts'

const jane = { username: 'jane', groups: ['team'], extra: { scope: ['one'] } }
const attributes = { path: '/apis', verb: 'get' }
let asked: { readonly path: string; readonly body?: unknown }[]
let answer: () => Promise<unknown>
let nowMs: number
let reviews: Reviews

beforeEach(() => {
  asked = []
  nowMs = 0
  answer = () => Promise.resolve({ status: { allowed: true } })
  const raw = (request: { readonly path: string; readonly body?: unknown }) => {
    asked.push(request)
    return answer()
  }
  reviews = createReviews({ raw }, () => nowMs)
})

test('a right is asked for in the words of Kubernetes', async () => {
  expect(await reviews.mayDo({ ...jane, uid: '42' }, attributes)).toBe(true)
  const resource = { verb: 'get', group: 'g', version: 'v1', resource: 'r', namespace: 'shop' }
  await reviews.mayDo(jane, resource)
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview' }
  const user = { user: 'jane', groups: ['team'], extra: { scope: ['one'] } }
  expect(asked).toEqual([
    {
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: { ...review, spec: { ...user, uid: '42', nonResourceAttributes: attributes } },
    },
    {
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: { ...review, spec: { ...user, resourceAttributes: resource } },
    },
  ])
})

test('nobody is asked about those who may do anything', async () => {
  answer = () => Promise.resolve({ status: { allowed: false } })
  const groups = ['system:authenticated', 'system:masters']
  expect(await reviews.mayDo({ ...jane, groups }, attributes)).toBe(true)
  expect(asked).toEqual([])
  expect(await reviews.mayDo({ ...jane, groups: ['masters'] }, attributes)).toBe(false)
})

test.each([[{ allowed: false }], [{ allowed: 'yes' }], [{}], [undefined]])(
  'only a plain yes is one: %j',
  async (status) => {
    answer = () => Promise.resolve({ status })
    expect(await reviews.mayDo(jane, attributes)).toBe(false)
  },
)

test('an answer is remembered for ten seconds, for this user and this right alone', async () => {
  await Promise.all([reviews.mayDo(jane, attributes), reviews.mayDo(jane, attributes)])
  nowMs = 9_999
  await reviews.mayDo(jane, attributes)
  expect(asked).toHaveLength(1)
  await reviews.mayDo({ ...jane, groups: [] }, attributes)
  await reviews.mayDo(jane, { ...attributes, path: '/' })
  expect(asked).toHaveLength(3)
  nowMs = 10_000
  answer = () => Promise.resolve({ status: { allowed: false } })
  expect(await reviews.mayDo(jane, attributes)).toBe(false)
})

test('a failure is told and not remembered', async () => {
  answer = () => Promise.reject(new Error('away'))
  await expect(reviews.mayDo(jane, attributes)).rejects.toThrow('away')
  answer = () => Promise.resolve({ status: { allowed: true } })
  expect(await reviews.mayDo(jane, attributes)).toBe(true)
})

test('who asks for ever more does not fill the memory: the oldest are forgotten', async () => {
  const to = (path: string) => ({ ...attributes, path })
  for (let i = 0; i <= 1_000; i++) await reviews.mayDo(jane, to(`/${i}`))
  await reviews.mayDo(jane, to('/1000'))
  expect(asked).toHaveLength(1_001)
  await reviews.mayDo(jane, to('/0'))
  expect(asked).toHaveLength(1_002)
})

describe('made-up tokens', () => {
  const refused = { refusal: { code: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 } }
  const outcomes = async (count: number, name: string) => {
    const all = Array.from({ length: count }, (_, i) => reviews.userOfToken(`${name}-${i}`))
    const settled = await Promise.allSettled(all)
    const late = settled.filter(({ status }) => status === 'rejected')
    for (const one of late) expect(one).toMatchObject({ reason: refused })
    return { lookedUp: count - late.length, late: late.length }
  }

  test('are looked up five at a time', async () => {
    const ends: (() => void)[] = []
    answer = () => new Promise((resolve) => ends.push(() => resolve({ status: {} })))
    const flood = outcomes(1_000, 'flood')
    expect(asked).toHaveLength(5)
    for (const end of ends) end()
    expect(await flood).toEqual({ lookedUp: 5, late: 995 })
  })

  test('are looked up ten times in a second, one after the other', async () => {
    answer = () => Promise.resolve({ status: { authenticated: false } })
    for (let i = 0; i < 10; i++) expect(await reviews.userOfToken(`one-${i}`)).toBeUndefined()
    expect(await outcomes(100, 'more')).toEqual({ lookedUp: 0, late: 100 })
    expect(asked).toHaveLength(10)
    nowMs = 1_000
    expect(await outcomes(1, 'later')).toEqual({ lookedUp: 1, late: 0 })
  })

  test('are remembered as such, and ask for nothing then', async () => {
    answer = () => Promise.resolve({ status: { authenticated: false } })
    for (let i = 0; i < 100; i++) expect(await reviews.userOfToken('same')).toBeUndefined()
    expect(asked).toHaveLength(1)
  })

  test('keep nobody out who was let in before', async () => {
    const isJane = (body: unknown) => JSON.stringify(body).includes('"secret"')
    answer = () => {
      const authenticated = isJane(asked.at(-1)?.body)
      return Promise.resolve({ status: { authenticated, user: { username: 'jane' } } })
    }
    expect(await reviews.userOfToken('secret')).toMatchObject({ username: 'jane' })
    nowMs = 10_000
    for (let i = 0; i < 10; i++) await reviews.userOfToken(`one-${i}`)
    await expect(reviews.userOfToken('new')).rejects.toMatchObject(refused)
    expect(await reviews.userOfToken('secret')).toMatchObject({ username: 'jane' })
  })

  test('keep nobody out while the API server is away: that is no refusal', async () => {
    answer = () => Promise.reject(new Error('away'))
    for (let i = 0; i < 100; i++) {
      await expect(reviews.userOfToken(`one-${i}`)).rejects.toThrow('away')
    }
  })
})

test('a token is whose the API server says', async () => {
  answer = () => Promise.resolve({ status: { authenticated: true, user: { username: 'jane' } } })
  expect(await reviews.userOfToken('secret')).toEqual({ username: 'jane', groups: [], extra: {} })
  expect(asked).toEqual([
    {
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token: 'secret' },
      },
    },
  ])
  answer = () => Promise.resolve({ status: { authenticated: true, user: { username: '' } } })
  expect(await reviews.userOfToken('nobody')).toBeUndefined()
})
