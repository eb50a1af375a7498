/**
 * The deterministic simulation as a program.
 *
 * `npm run simulate -- --seeds 1-1000000` runs many histories on all cores; `--seed 7 --trace` runs one again, and tells of
 * every change that is stored.
 */
import { availableParallelism } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { runHistory, type Outcome } from './history.ts'
import { runSeeds, type Seeds, type Tally } from './seeds.ts'

const print = (line: string): void => void process.stdout.write(`${line}\n`)

const toNumber = (text: string): number => {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new InvalidArgumentError('Give a whole number above 0')
}

const toSeeds = (text: string): Seeds => {
  const [first = '', last = first, ...others] = text.split('-')
  if (others.length > 0) throw new InvalidArgumentError('Give seeds as FIRST-LAST')
  return { first: toNumber(first), last: toNumber(last) }
}

interface Options {
  readonly seeds: Seeds
  readonly seed?: number
  readonly trace?: true
  readonly workers: number
  readonly untilFound?: true
}

const options = new Command()
  .name('simulate')
  .description('Runs random histories of a simulated cluster')
  .option('--seeds <first-last>', 'which histories', toSeeds, { first: 1, last: 10_000 })
  .option('--workers <number>', 'on how many threads', toNumber, availableParallelism())
  .option('--until-found', 'stop once a history went wrong')
  .option('--seed <number>', 'one history alone', toNumber)
  .option('--trace', 'with --seed: tell of every change that is stored')
  .parse()
  .opts<Options>()

const tell = ({ seed, complaints }: Outcome): void => {
  for (const complaint of complaints) print(`seed ${seed}: ${complaint}`)
}

const runOne = async (seed: number): Promise<boolean> => {
  const outcome = await runHistory(seed, options.trace === true ? print : undefined)
  tell(outcome)
  print(`seed ${seed}: ${outcome.steps} steps, ${outcome.complaints.length} complaints`)
  return outcome.complaints.length === 0
}

/** Tells how far it has come, now and then: a million takes hours. */
const progress = (): ((tally: Tally) => void) => {
  let told = 0
  return ({ histories }) => {
    if (histories - told < 10_000) return
    told = histories
    process.stderr.write(`${histories} histories\n`)
  }
}

const runMany = async (): Promise<boolean> => {
  const findings = await runSeeds({
    seeds: options.seeds,
    workers: options.workers,
    stopsWhenFound: options.untilFound === true,
    onProgress: progress(),
  })
  const { histories, ms, bad, crashes, opened, steps } = findings
  for (const outcome of bad.slice(0, 50)) tell(outcome)
  print(
    `${histories} histories in ${(ms / 1_000).toFixed(1)} s on ${options.workers} threads: ` +
      `${steps} steps, ${crashes} crashes, ${opened} versions let go, ${bad.length} went wrong`,
  )
  return bad.length === 0
}

const isGood = options.seed === undefined ? await runMany() : await runOne(options.seed)
process.exitCode = isGood ? 0 : 1
