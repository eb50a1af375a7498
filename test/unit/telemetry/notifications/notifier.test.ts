/** Who is notified of what, and that nobody is notified twice, whoever leads and whatever dies. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import type { Transition } from '../../../../kube/decision.ts'
import {
  createNotifier,
  type Notice,
  type Notifier,
  type Receiver,
} from '../../../../telemetry/notifications/index.ts'
import { configMapClaims, type ClaimRecord, type Progress } from '../../../../telemetry/progress.ts'
import { eventually } from '../../../eventually.ts'
import { configMaps, type ConfigMaps } from '../config-maps.ts'
import { transition } from './objects.ts'

let server: Server
let url: string
let answer: () => number
let received: string[]
let notices: Notice[]
let stored: Progress | undefined
let stopping: AbortController
let at: Date
beforeEach(async () => {
  // After the second in which the first one begins to lead; what is told again came about when it did.
  at = new Date(Date.now() + 2_000)
  ;[answer, received, notices, stored] = [() => 200, [], [], undefined]
  stopping = new AbortController()
  server = createServer((request, response) => {
    void text(request).then((body) => {
      const status = answer()
      if (status === 0) {
        received.push((JSON.parse(body) as { readonly text: string }).text)
        request.socket.destroy()
        return
      }
      if (status === 200) received.push((JSON.parse(body) as { readonly text: string }).text)
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/canary`
})
afterEach(() => {
  stopping.abort()
  server.closeAllConnections()
  server.close()
})

const record: ClaimRecord = {
  load: () => Promise.resolve(stored),
  claim: (progress) => {
    stored = progress
    return Promise.resolve('claimed')
  },
}

const receiver = (more: Partial<Receiver> = {}): Receiver => ({
  ...{ name: 'team', type: 'slack', filter: {}, template: '{{message}}' },
  url: () => Promise.resolve(url),
  ...more,
})

const figures = new Map<Notifier, Registry>()

const notifier = (receivers: () => readonly Receiver[] = () => [receiver()]): Notifier => {
  const registry = new Registry()
  const made = createNotifier({
    receivers,
    notify: (notice) => notices.push(notice),
    figures: registry,
    log: pino({ level: 'silent' }),
    signal: stopping.signal,
    firstPauseMs: 5,
  })
  figures.set(made, registry)
  return made
}

/** Leads until it is stopped. */
const lead = (
  one: Notifier,
  more: { readonly record?: ClaimRecord; readonly stillLeading?: () => boolean } = {},
): (() => Promise<void>) => {
  const term = new AbortController()
  const ended = one.lead({ record, stillLeading: () => true, signal: term.signal, ...more })
  return async () => {
    term.abort()
    await ended
  }
}

const failing = (name: string, more: Partial<Transition> = {}): Transition =>
  transition({ id: `uid-1/${name}`, severity: 'Warning', message: name, at, ...more })

const untilHeard = (...texts: readonly string[]): Promise<void> =>
  eventually(() => {
    expect(received).toEqual(texts)
  })

test('what was heard is claimed, and sent once', async () => {
  const one = notifier()
  const stop = lead(one)
  one.hear([failing('a'), transition()])
  await untilHeard('a')
  one.hear([failing('a'), failing('b')])
  await untilHeard('a', 'b')
  expect(stored?.told.size).toBe(2)
  await eventually(async () => {
    expect(await figures.get(one)?.metrics()).toContain(
      'gatekept_notifications_total{receiver="team",outcome="delivered"} 2',
    )
  })
  await stop()
})

test('who leads next sends what was not claimed, and nothing that was', async () => {
  const first = notifier()
  const stop = lead(first)
  first.hear([failing('a')])
  await untilHeard('a')
  await stop()
  const second = notifier()
  const stopSecond = lead(second)
  // As one that begins to lead is told again.
  const long = new Date(Date.now() - 300_000)
  second.hear([failing('long ago', { at: long }), failing('a'), failing('b')])
  await untilHeard('a', 'b')
  await stopSecond()
})

test('what was claimed by one that died is sent by nobody', async () => {
  const dying = notifier()
  const stop = lead(dying, {
    record: {
      ...record,
      claim: async (progress) => {
        await record.claim(progress)
        // Dead: it writes, and never goes on.
        if (progress.told.size === 1) await pause(3_600_000, undefined, { ref: false })
        return 'claimed'
      },
    },
  })
  dying.hear([failing('a')])
  await eventually(() => {
    expect(stored?.told.size).toBe(1)
  })
  void stop()
  const next = notifier()
  const stopNext = lead(next)
  next.hear([failing('a'), failing('b')])
  await untilHeard('b')
  await stopNext()
})

test('nothing is sent before it could be claimed, nor by who does not lead', async () => {
  let isAway = true
  let isLeading = false
  const one = notifier()
  const stop = lead(one, {
    stillLeading: () => isLeading,
    record: {
      load: record.load,
      claim: (progress) => (isAway ? Promise.reject(new Error('away')) : record.claim(progress)),
    },
  })
  one.hear([failing('a')])
  await pause(200)
  expect(received).toEqual([])
  isAway = false
  isLeading = true
  one.look()
  await untilHeard('a')
  await stop()
})

test('what may have been taken is not sent again, what was turned away is', async () => {
  const statuses = [0, 503, 429, 200]
  answer = () => statuses.shift() ?? 200
  const one = notifier()
  const stop = lead(one)
  one.hear([failing('broken off'), failing('turned away')])
  await untilHeard('broken off', 'turned away')
  await pause(100)
  expect(received).toEqual(['broken off', 'turned away'])
  expect(notices.map(({ reason }) => reason)).toContain('NotificationsUndelivered')
  expect(notices.at(-1)?.reason).toBe('NotificationsDelivered')
  expect(JSON.stringify(notices)).not.toContain('canary')
  await stop()
})

test('what is refused is not sent again, and said once', async () => {
  answer = () => 404
  const one = notifier()
  const stop = lead(one)
  one.hear([failing('a'), failing('b')])
  await eventually(async () => {
    expect(await figures.get(one)?.metrics()).toContain('outcome="refused"} 2')
  })
  expect(notices).toEqual([
    {
      reason: 'NotificationsUndelivered',
      severity: 'Warning',
      message: 'Notifications to "team" are refused: it answers with HTTP status 404',
    },
  ])
  await stop()
})

test('each receiver is told what it asks for, and one that is away delays no other', async () => {
  const one = notifier(() => [
    receiver({ name: 'away', url: () => Promise.resolve('http://127.0.0.1:9/') }),
    receiver({ name: 'other', filter: { namespaces: ['other'] } }),
    receiver(),
  ])
  const stop = lead(one)
  one.hear([failing('a')])
  await untilHeard('a')
  expect(notices).toEqual([
    expect.objectContaining({
      message: `Notifications to "away" wait: it can't be reached (ECONNREFUSED)`,
    }),
  ])
  await stop()
})

test('a receiver with a template that can not be read is told nothing, and what is wrong with it is said at once', async () => {
  const one = notifier(() => [receiver({ name: 'wrong', template: '{{token}}' }), receiver()])
  const stop = lead(one)
  await eventually(() => {
    expect(notices[0]?.message).toMatch(/^Notifications to "wrong" are not sent: its template has/)
  })
  one.hear([failing('a')])
  await untilHeard('a')
  await stop()
})

test('who is named first is not told what is past', async () => {
  let receivers: readonly Receiver[] = []
  stored = { since: 0, told: new Map() }
  const one = notifier(() => receivers)
  const stop = lead(one)
  one.hear([failing('unheard')])
  await pause(50)
  receivers = [receiver()]
  one.look()
  await eventually(() => {
    expect(stored?.since).toBeGreaterThan(0)
  })
  one.hear([failing('past', { at: new Date(Date.now() - 10_000) }), failing('a')])
  await untilHeard('a')
  await stop()
})

test('as much waits as may, and what does not is counted', async () => {
  const one = notifier()
  const many = Array.from({ length: 2_100 }, (_, index) => failing(String(index)))
  one.hear(many)
  expect(await figures.get(one)?.metrics()).toContain('outcome="dropped"} 100')
})

const claimsIn = ({ client }: ConfigMaps): ClaimRecord =>
  configMapClaims(client, { namespace: 'keptn-system', name: 'record' })

test('one that was halted while another took over sends nothing that the other has claimed', async () => {
  const maps = configMaps()
  const halted = notifier()
  const stopHalted = lead(halted, { record: claimsIn(maps) })
  halted.hear([failing('a')])
  await untilHeard('a')
  const other = notifier()
  const stopOther = lead(other, { record: claimsIn(maps) })
  other.hear([failing('a'), failing('b')])
  await untilHeard('a', 'b')
  // It still believes that it leads.
  halted.hear([failing('b'), failing('c')])
  await untilHeard('a', 'b', 'c')
  other.hear([failing('c'), failing('d')])
  await untilHeard('a', 'b', 'c', 'd')
  await stopHalted()
  await stopOther()
})

test('what waited for minutes until it could be claimed is sent, however much it is', async () => {
  const one = notifier()
  const stop = lead(one)
  await eventually(() => {
    expect(stored).toBeDefined()
  })
  stored = { since: 0, told: new Map() }
  await stop()
  const stopNext = lead(one)
  const old = new Date(Date.now() - 300_000)
  const many = Array.from({ length: 250 }, (_, index) => failing(String(index), { at: old }))
  one.hear(many)
  await eventually(() => {
    expect(received).toHaveLength(250)
  })
  one.hear([failing('as late', { at: old })])
  await eventually(() => {
    expect(received).toHaveLength(251)
  })
  await stopNext()
})

test('what is told again while it waits to be claimed is sent once', async () => {
  const one = notifier()
  one.hear([failing('a'), failing('a')])
  const stop = lead(one)
  await untilHeard('a')
  one.hear([failing('b')])
  await untilHeard('a', 'b')
  await stop()
})

test('a claim whose answer was lost is made again, and what it claims is sent once', async () => {
  const maps = configMaps()
  const one = notifier()
  const stop = lead(one, { record: claimsIn(maps) })
  one.hear([failing('a')])
  await untilHeard('a')
  maps.loseAnswers = 2
  one.hear([failing('b')])
  await untilHeard('a', 'b')
  expect(maps.loseAnswers).toBe(0)
  await stop()
})

test('a record that a person deletes is made again with what it had', async () => {
  const maps = configMaps()
  const first = notifier()
  const stop = lead(first, { record: claimsIn(maps) })
  first.hear([failing('a')])
  await untilHeard('a')
  maps.remove()
  first.hear([failing('b')])
  await untilHeard('a', 'b')
  await stop()
  const next = notifier()
  const stopNext = lead(next, { record: claimsIn(maps) })
  next.hear([failing('a'), failing('b'), failing('c')])
  await untilHeard('a', 'b', 'c')
  await stopNext()
})
