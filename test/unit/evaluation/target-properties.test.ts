import { expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { targetForm } from '../../../api/index.ts'
import { meets, parseTarget, problemOf } from '../../../lifecycle/evaluation/target.ts'

/** A number as sign and digits, with the places of its fraction: compared without any rounding. */
interface Exact {
  readonly digits: bigint
  readonly places: number
}

const compare = (a: Exact, b: Exact): number => {
  const places = Math.max(a.places, b.places)
  const scale = ({ digits, places: own }: Exact): bigint => digits * 10n ** BigInt(places - own)
  const [x, y] = [scale(a), scale(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

const written = ({ digits, places }: Exact): string => {
  const text = (digits < 0n ? -digits : digits).toString().padStart(places + 1, '0')
  const whole = text.slice(0, text.length - places)
  const fraction = text.slice(text.length - places)
  return `${digits < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

const exact = fc.record({
  digits: fc.bigInt({ min: -9999n, max: 9999n }),
  places: fc.integer({ min: 0, max: 4 }),
})

/** By what a comparison came to, is it true? */
const truths: Readonly<Record<string, readonly number[]>> = {
  '<': [-1],
  '<=': [-1, 0],
  '>': [1],
  '>=': [0, 1],
  '=': [0],
  '==': [0],
  '!=': [-1, 1],
}
const operator = fc.constantFrom(...Object.keys(truths))
const blanks = fc.integer({ min: 0, max: 2 }).map((count) => ' '.repeat(count))

/** A target as it is written, and what it wants, known from how it was made. */
interface Made {
  readonly text: string
  readonly wants: (value: Exact) => boolean
  readonly numbers: readonly Exact[]
}

const single: fc.Arbitrary<Made> = fc
  .tuple(operator, exact, blanks, blanks)
  .map(([sign, number, inside, outside]) => ({
    text: `${outside}${sign}${inside}${written(number)}${outside}`,
    wants: (value) => truths[sign]?.includes(compare(value, number)) === true,
    numbers: [number],
  }))
const pair: fc.Arbitrary<Made> = fc.tuple(single, single, blanks).map(([a, b, more]) => ({
  text: `${a.text} ${more}${b.text}`,
  wants: (value) => a.wants(value) && b.wants(value),
  numbers: [...a.numbers, ...b.numbers],
}))
const range: fc.Arbitrary<Made> = fc
  .tuple(exact, exact, blanks, blanks)
  .map(([low, high, before, after]) => ({
    text: `${written(low)}${before}..${after}${written(high)}`,
    wants: (value) => compare(value, low) >= 0 && compare(value, high) <= 0,
    numbers: [low, high],
  }))
const made = fc.oneof(single, pair, range)

/** All numbers on a grid that is finer than the bounds, around them: what none of them meets, none at all does. */
const candidates = (numbers: readonly Exact[]): readonly Exact[] =>
  numbers.flatMap(({ digits, places }) =>
    [-1n, 0n, 1n].map((step) => ({ digits: digits * 10n ** BigInt(6 - places) + step, places: 6 })),
  )

test('a target means what its parts mean, and is refused where nothing keeps to all of them', () => {
  let refused = 0
  fc.assert(
    fc.property(made, exact, (given, value) => {
      const target = parseTarget(given.text)
      if (!candidates(given.numbers).some(given.wants)) {
        refused += 1
        if (target === undefined && problemOf(given.text) === 'no value can keep to it') return
        throw new Error(`"${given.text}" was taken`)
      }
      if (target === undefined) throw new Error(`"${given.text}" was not understood`)
      for (const one of [value, ...given.numbers]) {
        if (meets(Number(written(one)), target) !== given.wants(one)) {
          throw new Error(`"${given.text}" was judged wrongly for ${written(one)}`)
        }
      }
    }),
    { numRuns: 20_000 },
  )
  expect(refused).toBeGreaterThan(500)
})

/** Reads a target as a person does, from left to right. */
const isTarget = (text: string): boolean => {
  let rest = text
  const take = (pattern: RegExp): boolean => {
    const [found] = pattern.exec(rest) ?? []
    if (found === undefined || !rest.startsWith(found)) return false
    rest = rest.slice(found.length)
    return true
  }
  const skip = (): boolean => take(/^ +/)
  const digits = (): boolean => take(/^[0-9]+/)
  const power = (): boolean => {
    const before = rest
    if (take(/^[eE]/)) {
      take(/^[+-]/)
      if (!digits()) rest = before
    }
    return true
  }
  const number = (): boolean => {
    take(/^[+-]/)
    const hasWhole = digits()
    const hasDot = take(/^[.]/)
    const hasFraction = hasDot && digits()
    return (hasWhole || hasFraction) && power()
  }
  const end = (): boolean => {
    take(/^[+-]/)
    if (!digits()) return false
    if (!rest.startsWith('..') && take(/^[.]/) && !digits()) return false
    return power()
  }
  const bound = (): boolean => {
    if (!['<=', '>=', '==', '!=', '<', '>', '='].some((sign) => take(new RegExp(`^${sign}`)))) {
      return false
    }
    skip()
    return number()
  }
  const isBounds = (): boolean => {
    rest = text
    skip()
    if (!bound()) return false
    if (skip() && rest !== '' && !bound()) return false
    skip()
    return rest === ''
  }
  const isRange = (): boolean => {
    rest = text
    skip()
    if (!end()) return false
    skip()
    if (!take(/^[.][.]/)) return false
    skip()
    if (!end()) return false
    skip()
    return rest === ''
  }
  return isBounds() || isRange()
}

const token = fc.constantFrom(
  ...[
    '<',
    '>',
    '=',
    '!',
    '.',
    '..',
    ' ',
    '-',
    '+',
    'e',
    'E',
    '0',
    '7',
    '10',
    '1.5',
    '4',
    'x',
    'NaN',
  ],
)
const noise = fc.array(token, { maxLength: 8 }).map((tokens) => tokens.join(''))

test('of any text, just what has the form of a target is one, and the API server refuses the same', () => {
  const admitted = new RegExp(targetForm)
  let targets = 0
  fc.assert(
    fc.property(
      fc.oneof(
        noise,
        made.map(({ text }) => text),
      ),
      (text) => {
        const wanted = isTarget(text)
        if (wanted) targets += 1
        if (admitted.test(text) !== wanted) throw new Error(`"${text}": the API server errs`)
        if (!wanted && parseTarget(text) !== undefined) throw new Error(`"${text}" is no target`)
      },
    ),
    { numRuns: 50_000 },
  )
  expect(targets).toBeGreaterThan(5000)
})
