/** The simulation finds bugs: each of those that are planted here is caught. */
import { availableParallelism } from 'node:os'
import { expect, test } from '@jest/globals'
import { mutants, type Mutant } from './list.ts'
import { hunt, plant, type Hunt } from './run.ts'

const lastSeed = 4_000

const lineOf = ({ name }: Mutant, result: Hunt): string => {
  if (result.kind === 'caught') {
    return `caught   ${name}: seed ${result.seed}, ${result.complaint}`
  }
  return result.kind === 'survived' ? `SURVIVED ${name}` : `BROKEN   ${name}: ${result.output}`
}

test('every planted bug is caught', async () => {
  const left = [...mutants]
  const survivors: string[] = []
  const work = async (): Promise<void> => {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      const result = await hunt(mutant, lastSeed)
      const line = lineOf(mutant, result)
      process.stdout.write(`${line}\n`)
      if (result.kind !== 'caught') survivors.push(line)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  expect(survivors).toEqual([])
}, 900_000)

test('a bug is planted in one place or not at all', () => {
  const mutant = { name: 'bug', file: 'a.ts', find: 'b', replace: 'c', because: 'it is wrong' }
  expect(plant('abc', mutant)).toBe('acc')
  expect(() => plant('ac', mutant)).toThrow('occurs 0 times')
  expect(() => plant('abb', mutant)).toThrow('occurs 2 times')
})
