import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createClient } from '../../../kube/client.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../../kube/errors.ts'
import { eventually } from '../../eventually.ts'
import { pass, refusal, type Treatment } from './proxy.ts'
import { configMap, configMaps, namespaces, startWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld('kube-client')
}, 300_000)

afterAll(() => world.close())

afterEach(() => {
  world.proxy.treat = () => pass
})

/** Gives the first requests that `concerns` names one treatment each, and lets all others pass. */
const treatFirst = (treatments: readonly Treatment[], method: string): void => {
  const left = [...treatments]
  world.proxy.treat = (seen) => (seen.method === method ? (left.shift() ?? pass) : pass)
}

const caught = async (promise: Promise<unknown>): Promise<Error> => {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('It did not fail')
}

describe('requests', () => {
  test('create, read, change and delete an object', async () => {
    const namespace = await world.namespace('crud')
    const at = { namespace, name: 'a' }
    const made = await world.direct.create(
      configMaps,
      configMap(namespace, 'a', { data: { x: '1' } }),
    )
    expect(await world.direct.get(configMaps, at)).toEqual(made)
    const patch = { data: { x: null, y: '2' } }
    const changed = await world.direct.patch(configMaps, { ...at, patchType: 'merge', patch })
    expect(changed.data).toEqual({ y: '2' })
    await world.direct.delete(configMaps, { ...at, uid: made.metadata.uid })
    expect(await world.direct.get(configMaps, at)).toBeUndefined()
  })

  test('a strategic patch merges lists by their keys', async () => {
    const patch = { metadata: { finalizers: ['test.gatekept.dev/b'] } }
    const name = await world.namespace('strategic')
    for (const finalizer of ['a', 'b']) {
      const added = { metadata: { finalizers: [`test.gatekept.dev/${finalizer}`] } }
      await world.direct.patch(namespaces, { name, patchType: 'strategic', patch: added })
    }
    const both = await world.direct.get(namespaces, { name })
    expect(both?.metadata).toMatchObject({
      finalizers: ['test.gatekept.dev/b', 'test.gatekept.dev/a'],
    })
    await world.direct.patch(namespaces, { name, patchType: 'merge', patch })
    const one = await world.direct.get(namespaces, { name })
    expect(one?.metadata).toMatchObject({ finalizers: ['test.gatekept.dev/b'] })
  })

  test('only the object with the UID is deleted', async () => {
    const namespace = await world.namespace('uids')
    await world.direct.create(configMaps, configMap(namespace, 'a'))
    const error = await caught(
      world.direct.delete(configMaps, { namespace, name: 'a', uid: 'another' }),
    )
    expect(isConflict(error)).toBe(true)
    expect(await world.direct.get(configMaps, { namespace, name: 'a' })).toBeDefined()
  })

  test('a list comes in pages, and its items say what they are', async () => {
    const namespace = await world.namespace('pages')
    for (const name of ['a', 'b', 'c']) {
      await world.direct.create(configMaps, configMap(namespace, name, { labels: { l: 'x' } }))
    }
    const query = { namespace, labelSelector: 'l=x', limit: 2 }
    const first = await world.direct.list(configMaps, query)
    const more = { ...query, continue: first.continue ?? '' }
    const second = await world.direct.list(configMaps, more)
    const names = [...first.items, ...second.items].map(({ metadata }) => metadata.name)
    expect(names).toEqual(['a', 'b', 'c'])
    expect(first.items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' })
    expect(second.continue).toBeUndefined()
  })

  test('other paths give JSON or text', async () => {
    const version = await world.direct.raw({ method: 'GET', path: '/version' })
    expect(version).toMatchObject({ major: '1' })
    expect(await world.direct.raw({ method: 'GET', path: '/readyz' })).toBe('ok')
  })
})

describe('refusals', () => {
  test('say what was attempted on what', async () => {
    const namespace = await world.namespace('refusals')
    await world.direct.create(configMaps, configMap(namespace, 'a'))
    const taken = await caught(world.direct.create(configMaps, configMap(namespace, 'a')))
    expect(isAlreadyExists(taken)).toBe(true)
    expect(isConflict(taken)).toBe(false)
    expect(taken.message).toBe(
      'Cannot create ConfigMap "refusals/a": configmaps "a" already exists',
    )
    const gone = await caught(world.direct.delete(configMaps, { namespace, name: 'b' }))
    expect(isNotFound(gone)).toBe(true)
  })

  test('a kind that is not served is not taken for an object that is missing', async () => {
    const type = { ...configMaps, group: 'nowhere.dev' }
    const error = await caught(world.direct.get(type, { namespace: 'default', name: 'a' }))
    expect(error).toMatchObject({ name: 'ApiError', status: 404, reason: '' })
  })

  test('never hold what was sent or with which token', async () => {
    const client = createClient({ server: world.proxy.url, ca: '', token: () => 'token-secret' })
    const object = configMap('missing', 'a', { data: { password: 'body-secret' } })
    world.proxy.treat = () => ({ kind: 'reset' })
    const reset = await caught(client.create(configMaps, object))
    world.proxy.treat = () => refusal(403, 'Forbidden')
    const refused = await caught(client.create(configMaps, object))
    for (const error of [reset, refused]) {
      const { inspect } = await import('node:util')
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/(token|body)-secret/)
    }
    await client.close()
  })

  test('an answer that is not JSON is an error that does not quote it', async () => {
    world.proxy.treat = () => ({
      kind: 'through',
      chunk: () => Buffer.from('{"data": answer-secret'),
    })
    const error = await caught(
      world.client.get(configMaps, { namespace: 'kube-system', name: 'kube-root-ca.crt' }),
    )
    expect(error).toMatchObject({ name: 'ApiError' })
    expect(`${error.message} ${String(error.cause)}`).not.toContain('answer-secret')
  })
})

describe('faults', () => {
  test('Retry-After is waited for, then the request is sent again', async () => {
    const namespace = await world.namespace('retry-after')
    const busy = refusal(429, 'TooManyRequests', { 'retry-after': '1' })
    treatFirst([busy], 'POST')
    const startedAt = performance.now()
    await world.client.create(configMaps, configMap(namespace, 'a'))
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(999)
    expect(await world.direct.get(configMaps, { namespace, name: 'a' })).toBeDefined()
  })

  test('a server that stays busy is left alone, and the caller told for how long', async () => {
    const busy = refusal(503, 'ServiceUnavailable', { 'retry-after': '0.2' })
    world.proxy.treat = () => busy
    const before = world.proxy.seen.length
    const error = await caught(world.client.create(configMaps, configMap('default', 'busy')))
    expect(error).toMatchObject({ status: 503, retryAfterMs: 200, repeated: true })
    expect(world.proxy.seen.length - before).toBe(3)
  })

  test('a read whose connection broke is repeated once, a write is not', async () => {
    const namespace = await world.namespace('resets')
    treatFirst([{ kind: 'reset' }], 'GET')
    await world.client.list(configMaps, { namespace })
    treatFirst([{ kind: 'reset' }, { kind: 'reset' }], 'GET')
    const read = await caught(world.client.list(configMaps, { namespace }))
    expect(read).toMatchObject({ status: 0, reason: 'ConnectionReset' })
    treatFirst([{ kind: 'reset', after: true }], 'POST')
    const write = await caught(world.client.create(configMaps, configMap(namespace, 'a')))
    expect(write).toMatchObject({ status: 0, reason: 'ConnectionReset' })
    expect(await world.direct.get(configMaps, { namespace, name: 'a' })).toBeDefined()
  })

  test('a request without an answer ends at its deadline, or with its signal', async () => {
    world.proxy.treat = () => ({ kind: 'hang' })
    const late = await caught(world.client.list(configMaps, {}, { timeoutMs: 100 }))
    expect(late).toMatchObject({ status: 0, reason: 'Timeout' })
    expect(late.message).toBe('Cannot list ConfigMap: no answer within 100 ms')
    const ending = new AbortController()
    const listing = caught(world.client.list(configMaps, {}, { signal: ending.signal }))
    const reason = new Error('Not needed any more')
    ending.abort(reason)
    expect(await listing).toBe(reason)
  })

  test('at most 16 writes are in flight, the others follow in order, reads and urgent writes do not wait', async () => {
    const namespace = await world.namespace('slots')
    const writes = (): number => world.proxy.seen.filter(({ method }) => method === 'POST').length
    const before = writes()
    world.proxy.treat = ({ method }) => (method === 'POST' ? { kind: 'hang' } : pass)
    const ending = new AbortController()
    const results = Array.from({ length: 40 }, (_, index) =>
      world.client
        .create(configMaps, configMap(namespace, `m${index}`), { signal: ending.signal })
        .catch((error: unknown) => error),
    )
    await eventually(() => {
      expect(writes() - before).toBe(15)
    })
    await world.client.list(configMaps, { namespace })
    const urgent = { signal: ending.signal, urgent: true }
    results.push(
      world.client
        .create(configMaps, configMap(namespace, 'urgent'), urgent)
        .catch((error: unknown) => error),
    )
    await eventually(() => {
      expect(writes() - before).toBe(16)
    })
    ending.abort()
    await Promise.all(results)
    expect(writes() - before).toBe(16)
    world.proxy.treat = () => pass
    await world.client.create(configMaps, configMap(namespace, 'after'))
  })

  test('a write that may not be sent any more when its turn comes is not sent', async () => {
    const namespace = await world.namespace('leave')
    let maySend = true
    treatFirst([refusal(429, 'TooManyRequests', { 'retry-after': '0.2' })], 'POST')
    const creating = caught(
      world.client.create(configMaps, configMap(namespace, 'a'), { maySend: () => maySend }),
    )
    await eventually(() => {
      expect(world.proxy.seen.some(({ path }) => path.includes('/leave/'))).toBe(true)
    })
    maySend = false
    expect(await creating).toMatchObject({ name: 'NotSentError' })
    expect(await world.direct.get(configMaps, { namespace, name: 'a' })).toBeUndefined()
  })

  test('a token that was refused is read again, once', async () => {
    const asked: boolean[] = []
    const client = createClient({
      server: world.proxy.url,
      ca: '',
      token: (fresh = false) => {
        asked.push(fresh)
        return fresh ? 'new' : 'old'
      },
    })
    world.proxy.treat = ({ headers }) =>
      headers.authorization === 'Bearer new'
        ? { kind: 'answer', status: 200, body: { items: [], metadata: { resourceVersion: '1' } } }
        : refusal(401, 'Unauthorized')
    expect(await client.list(configMaps)).toEqual({ items: [], resourceVersion: '1' })
    expect(asked).toEqual([false, true])
    world.proxy.treat = () => refusal(401, 'Unauthorized')
    expect(await caught(client.list(configMaps))).toMatchObject({ status: 401 })
    expect(asked).toHaveLength(4)
    await client.close()
  })
})
