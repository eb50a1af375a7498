import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { keepRequests, keptRequests, readRequests } from '../../rights/requests.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'requests-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const account = (namespace: string, name: string): { username: string } => ({
  username: `system:serviceaccount:${namespace}:${name}`,
})

const event = (changes: object): object => ({
  kind: 'Event',
  stage: 'ResponseComplete',
  verb: 'patch',
  user: account('keptn-system', 'lifecycle-operator'),
  objectRef: { resource: 'pods', namespace: 'shop', name: 'web-1', subresource: 'status' },
  annotations: { 'authorization.k8s.io/decision': 'allow' },
  ...changes,
})

const patched = {
  ...{ account: 'lifecycle-operator', verb: 'patch', group: '', resource: 'pods/status' },
  ...{ namespace: 'shop', name: '', refused: false },
}

const logOf = (name: string, events: readonly object[], end = ''): string => {
  const file = join(folder, name)
  writeFileSync(file, events.map((line) => `${JSON.stringify(line)}\n`).join('') + end)
  return file
}

const read = (...events: readonly object[]): ReturnType<typeof readRequests> =>
  readRequests(logOf('audit.log', events))

describe('the requests of an audit log', () => {
  test('are there once each, whatever object they are about', async () => {
    const other = event({
      objectRef: { resource: 'pods', namespace: 'shop', name: 'web-2', subresource: 'status' },
    })
    expect(await read(event({}), other, event({}))).toEqual([patched])
  })

  test('name objects of our namespace and of none: rights may be limited to those', async () => {
    const lease = {
      apiGroup: 'coordination.k8s.io',
      ...{ resource: 'leases', namespace: 'keptn-system', name: 'leader' },
    }
    const kind = {
      ...{ apiGroup: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
      name: 'rollouts.argoproj.io',
    }
    const found = await read(event({ objectRef: lease }), event({ objectRef: kind, verb: 'watch' }))
    expect(found).toEqual([
      {
        ...patched,
        group: 'coordination.k8s.io',
        ...{ resource: 'leases', namespace: 'keptn-system', name: 'leader' },
      },
      {
        ...patched,
        verb: 'watch',
        ...{ group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
        ...{ namespace: '', name: 'rollouts.argoproj.io' },
      },
    ])
  })

  test('are those of service accounts in our namespace', async () => {
    const found = await read(
      event({ user: account('shop', 'lifecycle-operator') }),
      event({ user: { username: 'admin' }, impersonatedUser: account('keptn-system', 'x') }),
    )
    expect(found).toEqual([])
  })

  test('are about resources: what has none everybody may ask for', async () => {
    expect(await read(event({ objectRef: undefined, requestURI: '/version' }))).toEqual([])
  })

  test('were refused where RBAC said so, not where admission did', async () => {
    const found = await read(
      event({ responseStatus: { code: 403 } }),
      event({
        responseStatus: { code: 403 },
        annotations: { 'authorization.k8s.io/decision': 'forbid' },
      }),
    )
    expect(found.map(({ refused }) => refused)).toEqual([false, true])
  })

  test('may end with a line that is still on its way', async () => {
    const whole = JSON.stringify(event({ verb: 'get' }))
    const log = logOf('cut.log', [event({})], whole.slice(0, whole.length - 9))
    expect(await readRequests(log)).toEqual([patched])
  })

  test('are kept by cluster, with those of one before of that name', async () => {
    const kept = join(folder, 'kept')
    await keepRequests(kept, 'shop', logOf('first.log', [event({})]))
    await keepRequests(kept, 'shop', logOf('second.log', [event({ verb: 'get' })]))
    await keepRequests(kept, 'idle', logOf('third.log', []))
    await keepRequests(kept, 'gone', join(folder, 'no.log'))
    expect(await keptRequests(kept)).toEqual([
      { cluster: 'shop', requests: [patched, { ...patched, verb: 'get' }] },
    ])
  })
})
