import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Result } from './result.ts'
import type { Orders, Report } from './scrape-process.ts'
import { median, ratioOfMedians, slices } from './statistics.ts'

const turns = 14
const versions = 10

/** A process that is scraped. */
interface Served {
  readonly scrape: () => Promise<Scrape>
  /** What its memory was at most before the first scrape, in MB. */
  readonly atFirst: number
  readonly stop: () => void
}

interface Scrape extends Report {
  readonly ms: number
  readonly bytes: number
  readonly series: number
}

/** Reads an answer as it comes: it may be too large for one text. */
const read = async ({ body }: Response): Promise<Pick<Scrape, 'bytes' | 'series'>> => {
  let bytes = 0
  let series = 0
  let last = '\n'
  const decoder = new TextDecoder()
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    const text = last + decoder.decode(chunk, { stream: true })
    series += text.match(/\n[^#\n]/g)?.length ?? 0
    last = text.slice(-1)
  }
  return { bytes, series }
}

const start = async (orders: Orders): Promise<Served> => {
  const child = fork(join(import.meta.dirname, 'scrape-process.ts'))
  const answer = async <T>(to: Orders | 'report'): Promise<T> => {
    const told = once(child, 'message')
    child.send(to)
    const [said] = (await told) as [T]
    return said
  }
  const port = await answer<number>(orders)
  const { peakMegabytes: atFirst } = await answer<Report>('report')
  return {
    atFirst,
    stop: () => child.disconnect(),
    scrape: async () => {
      await answer<Report>('report')
      const begunAt = performance.now()
      const response = await fetch(`http://127.0.0.1:${port}/metrics`)
      const told = await read(response)
      return { ms: performance.now() - begunAt, ...told, ...(await answer<Report>('report')) }
    },
  }
}

/** Scrapes both in turns. */
const inTurns = async (ours: Served, bare: Served) => {
  const scrapes: { readonly ours: Scrape; readonly bare: Scrape }[] = []
  for (let turn = 0; turn < turns; turn += 1) {
    scrapes.push({ ours: await ours.scrape(), bare: await bare.scrape() })
  }
  return scrapes.slice(1)
}

/** One process of ours, and a bare registry that serves as many series. */
const compare = async (led: boolean) => {
  const ours = await start({ kind: 'ours', versions, led })
  try {
    const { series } = await ours.scrape()
    const bare = await start({ kind: 'bare', series })
    try {
      const scrapes = await inTurns(ours, bare)
      const last = scrapes.at(-1)?.ours
      if (last === undefined) throw new Error('Cannot tell a scrape: there was none')
      return { scrapes, last, more: last.peakMegabytes - ours.atFirst }
    } finally {
      bare.stop()
    }
  } finally {
    ours.stop()
  }
}

const figuresOf = (what: string, compared: Awaited<ReturnType<typeof compare>>) => {
  const { scrapes, last, more } = compared
  const of = (pick: (of: Scrape) => number, whose: 'ours' | 'bare'): number[] =>
    scrapes.map((each) => pick(each[whose]))
  const ms = (whose: 'ours' | 'bare'): number[] => of((each) => each.ms, whose)
  return {
    figures: [
      {
        metric: `${what}: scrape, p50`,
        value: median(ms('ours')),
        unit: 'ms',
        peer: median(ms('bare')),
        ratio: ratioOfMedians(slices(ms('ours'), 6), slices(ms('bare'), 6)),
      },
      {
        metric: `${what}: longest stall, p50`,
        value: median(of((each) => each.stallMs, 'ours')),
        unit: 'ms',
        limit: 50,
        peer: median(of((each) => each.stallMs, 'bare')),
      },
      { metric: `${what}: answer`, value: last.bytes / 1e6, unit: 'MB' },
      { metric: `${what}: more memory at the peak`, value: more, unit: 'MB' },
    ] as const,
    note: `${what}: ${last.series} series.`,
    samples: { [`${what}, ours`]: ms('ours'), [`${what}, bare`]: ms('bare') },
  }
}

/**
 * From the request of a Prometheus to the last byte of the answer, in turns with a process whose registry holds as many series and
 * nothing else: 1,000 workloads in apps of ten, ten versions of each with three tasks, all ended. Once of a replica that
 * has led only since then, once of one that has counted them all. A stall is the longest time in which the process
 * did nothing else.
 */
export const metricsScrape = async (): Promise<Result> => {
  const measured = [
    figuresOf('new leader', await compare(false)),
    figuresOf('old leader', await compare(true)),
  ]
  return {
    name: 'metrics-scrape',
    figures: measured.flatMap(({ figures }) => figures),
    notes: measured.map(({ note }) => note),
    samples: Object.assign({}, ...measured.map(({ samples }) => samples)) as Record<
      string,
      number[]
    >,
  }
}
