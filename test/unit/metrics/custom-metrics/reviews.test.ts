import { beforeEach, expect, test } from '@jest/globals'
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

test('made-up tokens do not fill the memory: the oldest are forgotten', async () => {
  answer = () => Promise.resolve({ status: { authenticated: false } })
  for (let i = 0; i <= 1_000; i++) expect(await reviews.userOfToken(`token-${i}`)).toBeUndefined()
  await reviews.userOfToken('token-1000')
  expect(asked).toHaveLength(1_001)
  await reviews.userOfToken('token-0')
  expect(asked).toHaveLength(1_002)
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
