import { afterEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import type { KeptnAppVersion, KeptnTask } from '../../../../api/index.ts'
import { pause } from '../../../../kube/back-off.ts'
import type { Feed } from '../../../../kube/store.ts'
import {
  createTeller,
  type Notice,
  type TraceSettings,
} from '../../../../telemetry/traces/index.ts'
import { readProgress, writeProgress, type ProgressRecord } from '../../../../telemetry/progress.ts'
import { eventually } from '../../../eventually.ts'
import { anAppVersion, aTask, measuredFeeds, storesOf } from '../objects.ts'
import { phases } from './example.ts'
import { startReceiver, type Receiver } from './receiver.ts'

/** A time as statuses have it, so many seconds ago. */
const ago = (seconds: number): string =>
  new Date(Date.now() - seconds * 1_000).toISOString().replace(/\.\d+Z$/, 'Z')

/** What a ConfigMap would hold, over the ends of processes. */
const aRecord = () => {
  const kept: { text?: string; writes: number; isAway: boolean } = { writes: 0, isAway: false }
  const record: ProgressRecord = {
    load: () => Promise.resolve(readProgress(kept.text ?? '')),
    save: (progress) => {
      if (kept.isAway) return Promise.reject(new Error('away'))
      kept.writes += 1
      kept.text = progress === undefined ? '' : writeProgress(progress)
      return Promise.resolve()
    },
  }
  return { kept, record }
}

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

const receiverOf = async (port?: number): Promise<Receiver> => {
  const receiver = await startReceiver('http', undefined, port)
  const end = receiver.close
  let isClosed = false
  const close = async (): Promise<void> => {
    if (!isClosed) await end()
    isClosed = true
  }
  cleanups.push(close)
  return Object.assign(receiver, { close })
}

const settingsFor = (port: number): TraceSettings => ({
  collector: `127.0.0.1:${String(port)}`,
  protocol: 'http',
  isSecure: false,
})

/** A process that leads until it ends, in order or by a crash. */
const startProcess = (
  feeds: ReturnType<typeof measuredFeeds>,
  record: ProgressRecord,
  settings: { now: TraceSettings | undefined },
) => {
  const notices: Notice[] = []
  const figures = new Registry()
  const ending = new AbortController()
  let mayFinish = true
  const teller = createTeller({
    ...{ stores: storesOf(feeds), phases, figures, resource: {} },
    settings: () => settings.now,
    notify: (notice) => notices.push(notice),
    log: pino({ level: 'silent' }),
    batchMs: 20,
    firstPauseMs: 20,
  })
  const ended = teller.tell({
    record,
    signal: ending.signal,
    stillLeading: () => !ending.signal.aborted,
    mayFinish: () => mayFinish,
  })
  const end = async (inOrder = true): Promise<void> => {
    mayFinish = inOrder
    ending.abort()
    await ended
  }
  cleanups.push(end)
  const counted = async (outcome: string): Promise<number> => {
    const { values } = (await figures.getSingleMetric('gatekept_spans_total')?.get()) ?? {
      values: [],
    }
    return values.find(({ labels }) => labels['outcome'] === outcome)?.value ?? 0
  }
  return { notices, end, look: teller.look, counted }
}

const ended = (name: string, secondsAgo = 0): KeptnTask =>
  aTask(name, { startTime: ago(secondsAgo + 5), endTime: ago(secondsAgo), status: 'Succeeded' })

const tell = (feed: Feed<KeptnTask>, name: string, secondsAgo?: number): void => {
  feed.apply('ADDED', aTask(name, { status: 'Progressing' }))
  feed.apply('MODIFIED', ended(name, secondsAgo))
}

const namesAt = ({ spans }: Receiver): readonly string[] => spans.map(({ name }) => name)

const hasBegun = ({ kept }: ReturnType<typeof aRecord>) =>
  eventually(() => {
    expect(kept.text).toContain('since')
  })

describe('telling spans', () => {
  test('begins with what ends from then on, and tells each once', async () => {
    const [receiver, feeds, record] = [await receiverOf(), measuredFeeds(), aRecord()]
    feeds.tasks.apply('ADDED', ended('before', 100))
    const process = startProcess(feeds, record.record, { now: settingsFor(receiver.port) })
    await hasBegun(record)
    tell(feeds.tasks, 'first')
    await eventually(() => {
      expect(namesAt(receiver)).toEqual(['first'])
    })
    // A change that ends nothing.
    feeds.tasks.apply('MODIFIED', ended('first'))
    tell(feeds.tasks, 'second')
    await eventually(() => {
      expect(namesAt(receiver)).toEqual(['first', 'second'])
    })
    expect(await process.counted('delivered')).toBe(2)
  })

  test('goes on where the one before ended, however that ended', async () => {
    const [receiver, feeds, record] = [await receiverOf(), measuredFeeds(), aRecord()]
    const settings = { now: settingsFor(receiver.port) }
    const first = startProcess(feeds, record.record, settings)
    await hasBegun(record)
    tell(feeds.tasks, 'a')
    await eventually(() => {
      expect(namesAt(receiver)).toEqual(['a'])
    })
    await eventually(() => {
      expect(record.kept.text).toMatch(/"told":\{"\d+":\["[0-9a-f]{16}"\]\}/)
    })
    await first.end(false)
    // Ended while nobody led.
    tell(feeds.tasks, 'b')
    const second = startProcess(feeds, record.record, settings)
    await eventually(() => {
      expect(namesAt(receiver)).toEqual(['a', 'b'])
    })
    tell(feeds.tasks, 'c')
    await second.end()
    expect(namesAt(receiver)).toEqual(['a', 'b', 'c'])
    startProcess(feeds, record.record, settings)
    tell(feeds.tasks, 'd')
    await eventually(() => {
      expect(namesAt(receiver)).toEqual(['a', 'b', 'c', 'd'])
    })
  })

  test('keeps all while the collector is away, says so once, and tells it when it is back', async () => {
    const [away, feeds, record] = [await receiverOf(), measuredFeeds(), aRecord()]
    const { port } = away
    await away.close()
    const settings = { now: settingsFor(port) }
    const process = startProcess(feeds, record.record, settings)
    await hasBegun(record)
    for (const name of ['a', 'b', 'c']) tell(feeds.tasks, name)
    await eventually(() => {
      expect(process.notices.map(({ reason }) => reason)).toEqual(['SpansUndelivered'])
    })
    expect(process.notices[0]?.message).toBe(
      `Spans for 127.0.0.1:${String(port)} wait: it can't be reached (ECONNREFUSED)`,
    )
    await pause(100, new AbortController().signal)
    const back = await receiverOf(port)
    await eventually(() => {
      expect(namesAt(back)).toEqual(['a', 'b', 'c'])
    })
    await eventually(() => {
      expect(process.notices.map(({ reason }) => reason)).toEqual([
        'SpansUndelivered',
        'SpansDelivered',
      ])
    })
  })

  test('a crash while the collector is away loses nothing', async () => {
    const [away, feeds, record] = [await receiverOf(), measuredFeeds(), aRecord()]
    const settings = { now: settingsFor(away.port) }
    await away.close()
    const first = startProcess(feeds, record.record, settings)
    await hasBegun(record)
    tell(feeds.tasks, 'a')
    await eventually(() => {
      expect(first.notices).toHaveLength(1)
    })
    await first.end(false)
    const back = await receiverOf(away.port)
    startProcess(feeds, record.record, settings)
    await eventually(() => {
      expect(namesAt(back)).toEqual(['a'])
    })
  })

  test('what an object forgets meanwhile is told all the same', async () => {
    const [away, feeds, record] = [await receiverOf(), measuredFeeds(), aRecord()]
    await away.close()
    const process = startProcess(feeds, record.record, { now: settingsFor(away.port) })
    await hasBegun(record)
    const version = (status: Partial<NonNullable<KeptnAppVersion['status']>>): KeptnAppVersion =>
      anAppVersion('shop-1', {}, status)
    feeds.appVersions.apply('ADDED', version({ status: 'Progressing' }))
    feeds.appVersions.apply(
      'MODIFIED',
      version({ status: 'Failed', startTime: ago(9), endTime: ago(1) }),
    )
    feeds.appVersions.apply('MODIFIED', version({ status: 'Progressing', attempt: 2 }))
    tell(feeds.tasks, 'deleted')
    feeds.tasks.apply('DELETED', ended('deleted'))
    const back = await receiverOf(away.port)
    await eventually(() => {
      expect(namesAt(back)).toEqual(['shop-1', 'deleted'])
    })
    expect(back.spans[0]?.status.code).toBe(2)
    expect(await process.counted('dropped')).toBe(0)
  })

  test('what is refused is counted and said, and keeps nothing waiting', async () => {
    const [receiver, feeds, record] = [await receiverOf(), measuredFeeds(), aRecord()]
    const process = startProcess(feeds, record.record, { now: settingsFor(receiver.port) })
    await hasBegun(record)
    receiver.answer = { status: 400 }
    tell(feeds.tasks, 'bad')
    await eventually(async () => {
      expect(await process.counted('refused')).toBe(1)
    })
    expect(process.notices[0]?.message).toMatch(/are refused: it answers with HTTP status 400$/)
  })

  test('switched off, it tells nothing, and does not make up for it', async () => {
    const [receiver, feeds, record] = [await receiverOf(), measuredFeeds(), aRecord()]
    const settings: { now: TraceSettings | undefined } = { now: settingsFor(receiver.port) }
    const process = startProcess(feeds, record.record, settings)
    await hasBegun(record)
    settings.now = undefined
    process.look()
    await eventually(() => {
      expect(record.kept.text).toBe('')
    })
    tell(feeds.tasks, 'meanwhile', 3)
    settings.now = settingsFor(receiver.port)
    process.look()
    await hasBegun(record)
    tell(feeds.tasks, 'later')
    await eventually(() => {
      expect(namesAt(receiver)).toEqual(['later'])
    })
  })

  test('where there is no collector nothing is read and nothing is written', async () => {
    const [feeds, record] = [measuredFeeds(), aRecord()]
    const process = startProcess(feeds, record.record, { now: undefined })
    tell(feeds.tasks, 'a')
    await process.end()
    expect(record.kept.writes).toBe(0)
  })

  test('a burst goes out in requests of 500, all of it', async () => {
    const [receiver, feeds, record] = [await receiverOf(), measuredFeeds(), aRecord()]
    startProcess(feeds, record.record, { now: settingsFor(receiver.port) })
    await hasBegun(record)
    for (let index = 0; index < 12_000; index += 1) tell(feeds.tasks, `task-${String(index)}`)
    await eventually(() => {
      expect(new Set(namesAt(receiver)).size).toBe(12_000)
    })
    expect(receiver.spans).toHaveLength(12_000)
    expect(receiver.requests.length).toBeGreaterThanOrEqual(24)
  })

  test('a record that can not be written keeps nothing waiting', async () => {
    const [receiver, feeds, record] = [await receiverOf(), measuredFeeds(), aRecord()]
    startProcess(feeds, record.record, { now: settingsFor(receiver.port) })
    await hasBegun(record)
    record.kept.isAway = true
    tell(feeds.tasks, 'a')
    await eventually(() => {
      expect(namesAt(receiver)).toEqual(['a'])
    })
    tell(feeds.tasks, 'b')
    await eventually(() => {
      expect(namesAt(receiver)).toEqual(['a', 'b'])
    })
  })
})
