import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Client } from '../../../kube/client.ts'
import { Lease } from '../../../api/kubernetes.ts'
import { holdLease, type Term } from '../../../kube/lease.ts'
import { eventually } from '../../eventually.ts'
import { pass } from './proxy.ts'
import { readableLog, startWorld, type World } from './world.ts'

let world: World
let namespace: string
let count = 0
let ending: AbortController[]
let running: Promise<void>[]
/** Who led from when to when, as `performance.now()`. */
let terms: { holder: string; from: number; to: number }[]

beforeAll(async () => {
  world = await startWorld('kube-lease')
}, 300_000)

afterAll(() => world.close())

beforeEach(async () => {
  count += 1
  namespace = await world.namespace(`lease-${count}`)
  ending = []
  running = []
  terms = []
})

afterEach(async () => {
  world.proxy.treat = () => pass
  for (const each of ending) each.abort()
  await Promise.all(running)
})

const name = 'leader'
const read = (): Promise<Lease | undefined> => world.direct.get(Lease, { namespace, name })

/** Leads until the term ends, and takes `windDownMs` to stop. */
const leading =
  (holder: string, onTerm: (term: Term) => void) =>
  async (term: Term): Promise<void> => {
    const entry = { holder, from: performance.now(), to: Infinity }
    terms.push(entry)
    onTerm(term)
    await new Promise<void>((resolve) => {
      if (term.signal.aborted) resolve()
      term.signal.addEventListener('abort', () => {
        resolve()
      })
    })
    entry.to = performance.now()
  }

interface Replica {
  readonly end: () => void
  readonly done: Promise<void>
}

const replica = (
  holder: string,
  client: Client = world.direct,
  onTerm: (term: Term) => void = () => undefined,
): Replica => {
  const own = new AbortController()
  ending.push(own)
  const lead = leading(holder, onTerm)
  const { log } = readableLog()
  const done = holdLease({ client, namespace, name, holder, lead, log, signal: own.signal })
  running.push(done)
  return {
    done,
    end: () => {
      own.abort()
    },
  }
}

const isLed = (holder: string, timeoutMs = 15_000): Promise<void> =>
  eventually(
    () => {
      expect(terms.at(-1)).toMatchObject({ holder, to: Infinity })
    },
    { timeoutMs },
  )

const neverTwo = (): void => {
  const sorted = terms.toSorted((a, b) => a.from - b.from)
  sorted.slice(1).forEach(({ from }, index) => {
    expect(sorted[index]?.to).toBeLessThan(from)
  })
}

test('of many replicas one leads, and the lease names it', async () => {
  for (const holder of ['a', 'b', 'c', 'd', 'e']) replica(holder)
  await eventually(async () => {
    const lease = await read()
    expect(terms).toHaveLength(1)
    expect(lease?.spec).toMatchObject({
      holderIdentity: terms[0]?.holder,
      leaseDurationSeconds: 8,
      leaseTransitions: 0,
    })
  })
  const first = (await read())?.spec?.renewTime
  await eventually(async () => {
    expect((await read())?.spec?.renewTime).not.toBe(first)
  })
  expect(terms).toHaveLength(1)
})

test('a leader that ends gives the lease back, and the next leads within 2 seconds', async () => {
  const a = replica('a')
  await isLed('a')
  replica('b')
  const endedAt = performance.now()
  a.end()
  await a.done
  await isLed('b')
  expect(performance.now() - endedAt).toBeLessThan(2_000)
  neverTwo()
})

test('a leader that cannot reach the API server stops before another leads, within 10 seconds', async () => {
  let term: Term | undefined
  replica('a', world.client, (each) => {
    term = each
  })
  await isLed('a')
  replica('b')
  world.proxy.treat = () => ({ kind: 'hang' })
  world.proxy.muteAll()
  const cutAt = performance.now()
  await eventually(
    () => {
      expect(term?.signal.aborted).toBe(true)
    },
    { timeoutMs: 6_000 },
  )
  expect(term?.stillLeading()).toBe(false)
  expect(terms).toHaveLength(1)
  await isLed('b')
  expect(performance.now() - cutAt).toBeLessThan(10_000)
  neverTwo()
  world.proxy.treat = () => pass
})

test('a leader whose lease another took stops, and does not take it back', async () => {
  replica('a')
  await isLed('a')
  const lease = await read()
  await world.direct.patch(Lease, {
    ...{ namespace, name, patchType: 'merge' },
    patch: {
      metadata: { resourceVersion: lease?.metadata.resourceVersion },
      spec: { holderIdentity: 'other' },
    },
  })
  await eventually(() => {
    expect(terms.at(-1)?.to).toBeLessThan(Infinity)
  })
  expect((await read())?.spec?.holderIdentity).toBe('other')
})

test('somebody who only touches the lease neither ends a term nor keeps a dead holder in place', async () => {
  const at = { namespace, name }
  const touch = async (): Promise<void> => {
    const patch = { metadata: { annotations: { touched: String(performance.now()) } } }
    await world.direct.patch(Lease, { ...at, patchType: 'merge', patch })
  }
  await world.direct.create(Lease, {
    ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: at },
    spec: { holderIdentity: 'dead', leaseDurationSeconds: 8 },
  })
  replica('a')
  await eventually(
    async () => {
      await touch()
      expect(terms).toHaveLength(1)
    },
    { timeoutMs: 12_000, everyMs: 200 },
  )
  const first = (await read())?.spec?.renewTime
  await eventually(async () => {
    await touch()
    expect((await read())?.spec?.renewTime).not.toBe(first)
  })
  expect(terms).toMatchObject([{ holder: 'a', to: Infinity }])
})

test('a renewal whose answer was lost does not end the term', async () => {
  replica('a', world.client)
  await isLed('a')
  let losses = 2
  world.proxy.treat = ({ method }) => {
    if (method !== 'PATCH' || losses === 0) return pass
    losses -= 1
    return { kind: 'reset', after: true }
  }
  await eventually(() => {
    expect(losses).toBe(0)
  })
  const first = (await read())?.spec?.renewTime
  await eventually(async () => {
    expect((await read())?.spec?.renewTime).not.toBe(first)
  })
  expect(terms).toMatchObject([{ to: Infinity }])
})

test('a leader that was stopped knows by the clock that its time is over, before any timer fires', async () => {
  let term: Term | undefined
  replica('a', world.client, (each) => {
    term = each
  })
  await isLed('a')
  world.proxy.treat = () => ({ kind: 'hang' })
  world.proxy.muteAll()
  // Blocks this thread as SIGSTOP would: nothing else runs meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_100)
  expect(term?.signal.aborted).toBe(false)
  expect(term?.stillLeading()).toBe(false)
  await eventually(() => {
    expect(term?.signal.aborted).toBe(true)
  })
})

test('a leader that gives up by itself leads again later', async () => {
  const own = new AbortController()
  ending.push(own)
  let calls = 0
  const lead = (): Promise<void> => {
    calls += 1
    return calls === 1 ? Promise.reject(new Error('Could not start')) : Promise.resolve()
  }
  const { log, lines } = readableLog()
  const holder = 'a'
  running.push(
    holdLease({ client: world.direct, namespace, name, holder, lead, log, signal: own.signal }),
  )
  await eventually(() => {
    expect(calls).toBeGreaterThan(1)
  })
  expect(lines.some((line) => line.includes('Could not start'))).toBe(true)
})
