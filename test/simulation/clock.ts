/**
 * Time and chance of a history: both follow from its seed, and pass only when it says so.
 *
 * @module
 */
import { install, type FakeMethod } from '@sinonjs/fake-timers'
import { createRandom } from './random.ts'

/** The time of a history. */
export interface Clock {
  /** How many timers wait. */
  readonly waiting: () => number
  /** Goes on to the timer that is due next. */
  readonly next: () => void
  readonly advance: (ms: number) => void
}

const startsAt = Date.parse('2026-03-01T12:00:00.400Z')
const faked = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance']

/** Puts a clock and a source of chance in the place of the machine's for as long as a history runs. */
export const withVirtualTime = async <T>(
  seed: number,
  run: (clock: Clock) => Promise<T>,
): Promise<T> => {
  const before = Object.getOwnPropertyDescriptor(Math, 'random') ?? {}
  const chance = createRandom(seed ^ 0x5eed)
  Math.random = () => chance.next()
  const timers = install({
    now: startsAt,
    toFake: faked as FakeMethod[],
    loopLimit: 100_000,
  })
  try {
    return await run({
      waiting: () => timers.countTimers(),
      next: () => void timers.next(),
      advance: (ms) => void timers.tick(ms),
    })
  } finally {
    timers.uninstall()
    Object.defineProperty(Math, 'random', before)
  }
}
