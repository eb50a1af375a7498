/**
 * `npm run bench [NAME...] [--json FILE] [--workloads N,N] [--repetitions N] [--interval S] [--creations N] [--others N]`: how fast and how small Gatekept is on this machine, as a table and as JSON.
 *
 * A limit that is missed is told, and is no failure: figures hang on the machine and on what else runs on it.
 *
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Argument, Command } from 'commander'
import { root } from '../../deploy/paths.ts'
import { admit } from './admit.ts'
import { admitCore } from './admit-core.ts'
import { admitCreation } from './admit-creation.ts'
import { analysisParallel } from './analysis-parallel.ts'
import { decideApp } from './decide-app.ts'
import { denoStart } from './deno-start.ts'
import { discovery } from './discovery.ts'
import { gateBurst } from './gate-burst.ts'
import { gateZero } from './gate-zero.ts'
import { hostileReplies } from './hostile-replies.ts'
import { jobToRelease } from './job-to-release.ts'
import { lifecycleOne } from './lifecycle-one.ts'
import { lifecycleScale } from './lifecycle-scale.ts'
import { loadAverage, machineFacts } from './machine.ts'
import { memory } from './memory.ts'
import { metricsFanout } from './metrics-fanout.ts'
import { metricsScrape } from './metrics-scrape.ts'
import { detailsTable, figuresTable, isMet, type Result } from './result.ts'
import { defaultSizes, parseCount, parseCounts, type Sizes } from './sizes.ts'
import { tasksBurst } from './tasks-burst.ts'
import { telemetry } from './telemetry.ts'
import { startWorld, type World } from './world.ts'

type Benchmarks<Given extends readonly unknown[]> = Readonly<
  Record<string, (...given: Given) => Promise<Result>>
>

/** Those that need no installation, at most a control plane of their own; they run first. */
const alone: Benchmarks<[Sizes]> = {
  'decide-app': decideApp,
  'hostile-replies': hostileReplies,
  'metrics-scrape': metricsScrape,
  'analysis-parallel': analysisParallel,
  'metrics-fanout': metricsFanout,
}

/**
 * In the order in which they run: `memory` finds the workloads of `gate-zero`, and nothing of what loads the processes; what
 * leaves thousands of objects behind comes last.
 */
const onCluster: Benchmarks<[World, Sizes]> = {
  'gate-zero': gateZero,
  memory,
  'job-to-release': jobToRelease,
  'deno-start': denoStart,
  admit,
  'admit-core': admitCore,
  'admit-creation': admitCreation,
  'lifecycle-one': lifecycleOne,
  telemetry,
  'tasks-burst': tasksBurst,
  discovery,
  'lifecycle-scale': lifecycleScale,
  'gate-burst': gateBurst,
}

const allNames = [...Object.keys(alone), ...Object.keys(onCluster)]

interface Run extends Result {
  readonly loadAverage: { readonly before: number; readonly after: number }
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}
const stage = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

/** Runs one after the other. One that could not be run is told, and does not take the figures of the others with it. */
const runAll = async <Given extends readonly unknown[]>(
  benchmarks: Benchmarks<Given>,
  names: readonly string[],
  ...given: Given
): Promise<readonly Run[]> => {
  const runs: Run[] = []
  for (const [name, run] of Object.entries(benchmarks)) {
    if (!names.includes(name)) continue
    const before = loadAverage()
    stage(`Running ${name} (load average ${before.toFixed(1)})`)
    try {
      const result = await run(...given)
      runs.push({ ...result, loadAverage: { before, after: loadAverage() } })
    } catch (error) {
      stage(`Cannot run ${name}: ${String((error as Error).stack)}`)
      process.exitCode = 1
    }
  }
  return runs
}

const report = (runs: readonly Run[]): void => {
  say(`\n${figuresTable(runs)}\n`)
  for (const { name, notes = [], details, loadAverage: load } of runs) {
    const busy = `Load average ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after.`
    say(`${name}: ${[...notes, busy].join(' ')}`)
    if (details !== undefined) say(`\n${detailsTable(details)}\n`)
  }
  const missed = runs.flatMap(({ figures }) => figures.filter((figure) => isMet(figure) === false))
  say(missed.length === 0 ? 'All limits are met' : `Limits missed: ${missed.length}`)
}

/** Ends the cluster whatever happens, also when a person has seen enough. */
const inWorld = async <T>(use: (world: World) => Promise<T>): Promise<T> => {
  stage('Starting a cluster and installing Gatekept')
  const world = await startWorld()
  const interrupted = new Promise<never>((_, reject) => {
    const stop = (): void => reject(new Error('Interrupted'))
    process.once('SIGINT', stop).once('SIGTERM', stop)
  })
  try {
    return await Promise.race([use(world), interrupted])
  } finally {
    await world.down()
  }
}

const bench = async (
  names: readonly string[],
  options: Sizes & { readonly json: string },
): Promise<void> => {
  const asked = names.length === 0 ? allNames : names
  const measuredAt = new Date().toISOString()
  const machine = await machineFacts()
  const needsCluster = asked.some((name) => name in onCluster)
  const runs = [
    ...(await runAll(alone, asked, options)),
    ...(needsCluster ? await inWorld((world) => runAll(onCluster, asked, world, options)) : []),
  ]
  await mkdir(dirname(options.json), { recursive: true })
  await writeFile(
    options.json,
    `${JSON.stringify({ measuredAt, machine, benchmarks: runs }, null, 2)}\n`,
  )
  report(runs)
  say(`Written to ${options.json}`)
}

const program = new Command('bench')
  .description('Measures how fast and how small Gatekept is, on a cluster of its own')
  .addArgument(
    new Argument('[names...]', 'benchmarks to run; all of them if none is named').choices(allNames),
  )
  .option('--json <file>', 'where the figures go', join(root, 'dist', 'bench.json'))
  .option(
    '--workloads <counts>',
    'after how many workloads lifecycle-scale tells its figures',
    parseCounts,
    defaultSizes.workloads,
  )
  .option(
    '--repetitions <count>',
    'how often discovery applies its workloads',
    parseCount,
    defaultSizes.repetitions,
  )
  .option(
    '--interval <seconds>',
    'how often metrics-fanout asks each of its metrics, with as many of them as make the same load',
    parseCount,
    defaultSizes.interval,
  )
  .option(
    '--creations <count>',
    'how many pods admit-creation creates each way',
    parseCount,
    defaultSizes.creations,
  )
  .option(
    '--others <count>',
    'how many pods stay held while gate-burst lets others go',
    parseCount,
    defaultSizes.others,
  )
  .action(bench)

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? String(error.stack) : String(error)}\n`)
  process.exitCode = 1
}
// What still waits for an answer belongs to a cluster that is gone.
process.exit(process.exitCode)
