import { KeptnApp } from '../../api/index.ts'
import { Deployment } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import {
  countCalls,
  endOf,
  isEvent,
  isRead,
  isWrite,
  readCalls,
  untilQuiet,
  type Call,
} from './audit.ts'
import {
  checkedDeployment,
  createNamespace,
  watchCompletions,
  withLifecycles,
  type Lifecycles,
} from './lifecycles.ts'
import { startPatchRate, type PatchRate } from './patch-rate.ts'
import { processesOf, processorSeconds, residentMegabytes } from './processes.ts'
import type { Detail, Figure, Result } from './result.ts'
import type { Sizes } from './sizes.ts'
import { median } from './statistics.ts'
import type { World } from './world.ts'

const workloadsOfApp = 20
/** As many workloads as are under way at once, in a namespace of their own; then plain patches have their turn. */
const appsOfSlice = 10
const workloadsOfSlice = workloadsOfApp * appsOfSlice
const timeoutMs = 300_000

const containers = ['lifecycle-operator', 'lifecycle-webhook', 'metrics-operator'] as const

/** What was measured of some workloads that were under way together. */
interface Slice {
  readonly workloads: number
  /** From just before the first was created until the last app was completed. */
  readonly wallMs: number
  /** Of all our processes, with what follows the last completion. */
  readonly processorMs: number
  /** Writes that anybody made in that time, events among them. */
  readonly writesInTime: number
  /** All calls, with what follows. */
  readonly calls: readonly { readonly what: string; readonly count: number }[]
  readonly ourWrites: number
  readonly ourEvents: number
  readonly ourReads: number
  readonly othersWrites: number
  /** Plain patches a second, as a mean of before and after. */
  readonly patchRate: number
  readonly residentMb: number
}

const nameOf = (prefix: string, index: number): string =>
  `${prefix}-${String(index).padStart(3, '0')}`

const createApp = async (
  { client }: Lifecycles,
  at: { readonly namespace: string; readonly app: string },
): Promise<void> => {
  const { namespace, app } = at
  const names = Array.from({ length: workloadsOfApp }, (_, index) => nameOf(app, index))
  await client.create(KeptnApp, {
    apiVersion: `${KeptnApp.group}/${KeptnApp.version}`,
    kind: 'KeptnApp',
    metadata: { name: app, namespace },
    spec: { version: '1.0.0', workloads: names.map((name) => ({ name, version: '1.0.0' })) },
  } as never)
  await Promise.all(
    names.map((name) =>
      client.create(
        Deployment,
        checkedDeployment({ namespace, name }, { [keys.app]: app, [keys.workload]: name }),
      ),
    ),
  )
}

/** Starts so many apps at once, and waits until all are completed. */
const runApps = async (
  world: World,
  lifecycles: Lifecycles,
  { namespace, apps }: { readonly namespace: string; readonly apps: number },
): Promise<void> => {
  const stopping = new AbortController()
  const { signal } = stopping
  try {
    const completed = await watchCompletions(world, namespace, { signal, timeoutMs })
    const names = Array.from({ length: apps }, (_, index) => nameOf('app', index))
    await Promise.all(names.map((app) => createApp(lifecycles, { namespace, app })))
    await Promise.all(names.map(completed))
  } finally {
    stopping.abort()
  }
}

const ourProcesses = async ({ cluster }: World): Promise<readonly number[]> =>
  (await Promise.all(containers.map((container) => processesOf(cluster, container)))).flat()

const processorMsOf = async (world: World): Promise<number> => {
  const seconds = (await ourProcesses(world)).map(processorSeconds)
  return seconds.reduce((sum, one) => sum + one, 0) * 1_000
}

const largestResident = async ({ cluster }: World): Promise<number> =>
  Math.max(
    ...(await processesOf(cluster, 'lifecycle-operator')).map((pid) => residentMegabytes(pid).all),
  )

interface Running {
  readonly world: World
  readonly lifecycles: Lifecycles
  readonly patches: PatchRate
}

const runSlice = async (
  { world, lifecycles, patches }: Running,
  { namespace, apps }: { readonly namespace: string; readonly apps: number },
): Promise<Slice> => {
  const { auditLog } = world.cluster
  await createNamespace(world, namespace)
  await untilQuiet(auditLog)
  const rateBefore = await patches.measure()
  const from = endOf(auditLog)
  const processorBefore = await processorMsOf(world)
  const startedAt = Date.now()
  const startedAtMs = performance.now()
  await runApps(world, lifecycles, { namespace, apps })
  const wallMs = performance.now() - startedAtMs
  const endedAt = Date.now()
  await untilQuiet(auditLog)
  lifecycles.check()
  const processorMs = (await processorMsOf(world)) - processorBefore
  const calls = await readCalls(auditLog, from)
  const rateAfter = await patches.measure()
  const writes = calls.filter(isWrite)
  const ours = writes.filter(({ isOurs }) => isOurs)
  const isInTime = ({ answeredAt }: Call): boolean =>
    answeredAt >= startedAt && answeredAt <= endedAt
  return {
    workloads: apps * workloadsOfApp,
    wallMs,
    processorMs,
    writesInTime: writes.filter(isInTime).length,
    calls: [
      ...countCalls(calls.filter(({ isOurs }) => isOurs)).map(({ what, count }) => ({
        what: `gatekept: ${what}`,
        count,
      })),
      ...countCalls(writes.filter(({ isOurs }) => !isOurs)).map(({ what, count }) => ({
        what: `others: ${what}`,
        count,
      })),
    ],
    ourWrites: ours.filter((call) => !isEvent(call)).length,
    ourEvents: ours.filter(isEvent).length,
    ourReads: calls.filter((call) => call.isOurs && isRead(call)).length,
    othersWrites: writes.length - ours.length,
    patchRate: (rateBefore + rateAfter) / 2,
    residentMb: await largestResident(world),
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** How much of something one workload took, over these slices. */
const each = (slices: readonly Slice[], of: (slice: Slice) => number): number =>
  sum(slices.map(of)) / sum(slices.map(({ workloads }) => workloads))

/** The writes of a slice a second, as a share of the patches that the API server took a second around it. */
const shareOf = ({ writesInTime, wallMs, patchRate }: Slice): number =>
  (writesInTime / (wallMs / 1_000) / patchRate) * 100

/** The last slices before this many workloads, as many as the smallest size has. */
const slicesAt = (slices: readonly Slice[], size: number, smallest: number): readonly Slice[] => {
  const end = Math.ceil(size / workloadsOfSlice)
  return slices.slice(Math.max(0, end - Math.ceil(smallest / workloadsOfSlice)), end)
}

const figuresAt = (slices: readonly Slice[], size: number): readonly Figure[] => {
  const at = `${size} workloads`
  const last = slices.at(-1)
  return [
    { metric: `${at}, a second`, value: 1_000 / each(slices, ({ wallMs }) => wallMs), unit: '/s' },
    {
      metric: `${at}, share of the API server's plain patches`,
      value: median(slices.map(shareOf)),
      unit: '%',
      least: 80,
    },
    {
      metric: `${at}, our processor time each`,
      value: each(slices, ({ processorMs }) => processorMs),
      unit: 'ms',
    },
    { metric: `${at}, wall time each`, value: each(slices, ({ wallMs }) => wallMs), unit: 'ms' },
    {
      metric: `${at}, our writes each`,
      value: each(slices, ({ ourWrites }) => ourWrites),
      unit: 'calls',
    },
    {
      metric: `${at}, our events each`,
      value: each(slices, ({ ourEvents }) => ourEvents),
      unit: 'calls',
    },
    {
      metric: `${at}, our reads each`,
      value: each(slices, ({ ourReads }) => ourReads),
      unit: 'calls',
    },
    {
      metric: `${at}, others' writes each`,
      value: each(slices, ({ othersWrites }) => othersWrites),
      unit: 'calls',
    },
    ...(last === undefined
      ? []
      : [
          {
            metric: `${at}, lifecycle-operator, resident`,
            value: last.residentMb,
            unit: 'MB',
          } as const,
        ]),
  ]
}

const growthOf = (
  first: readonly Slice[],
  last: readonly Slice[],
  { from, to }: { readonly from: number; readonly to: number },
): readonly Figure[] => {
  const growth = (of: (slice: Slice) => number): number => each(last, of) / each(first, of)
  const label = `at ${to} against ${from}`
  return [
    {
      metric: `processor time each, ${label}`,
      value: growth(({ processorMs }) => processorMs),
      unit: 'times',
      limit: 1.1,
    },
    {
      metric: `wall time each, ${label}`,
      value: growth(({ wallMs }) => wallMs),
      unit: 'times',
      limit: 1.1,
    },
  ]
}

const detailsOf = (slices: readonly Slice[]): readonly Detail[] => {
  const totals = Map.groupBy(
    slices.flatMap(({ calls }) => calls),
    ({ what }) => what,
  )
  const workloads = sum(slices.map((slice) => slice.workloads))
  return [...totals]
    .map(([what, all]) => ({
      what,
      values: { 'a lifecycle': sum(all.map(({ count }) => count)) / workloads },
    }))
    .filter(({ values }) => values['a lifecycle'] >= 0.05)
}

const summary = (slices: readonly Slice[], sizes: readonly number[]): Result => {
  const smallest = Math.min(...sizes)
  const largest = Math.max(...sizes)
  const at = (size: number): readonly Slice[] => slicesAt(slices, size, smallest)
  return {
    name: 'lifecycle-scale',
    figures: [
      ...sizes.flatMap((size) => figuresAt(at(size), size)),
      ...(largest > smallest
        ? growthOf(at(smallest), at(largest), { from: smallest, to: largest })
        : []),
    ],
    notes: [
      `Plain patches: ${median(slices.map(({ patchRate }) => patchRate)).toFixed(0)} a second.`,
    ],
    details: detailsOf(slices),
    samples: {
      wallMs: slices.map(({ wallMs }) => wallMs),
      processorMs: slices.map(({ processorMs }) => processorMs),
      patchRate: slices.map(({ patchRate }) => patchRate),
      share: slices.map(shareOf),
      residentMb: slices.map(({ residentMb }) => residentMb),
    },
  }
}

const say = (index: number, { wallMs, processorMs, workloads, ...slice }: Slice): void => {
  const texts = [
    `${(index + 1) * workloadsOfSlice} workloads`,
    `${(workloads / (wallMs / 1_000)).toFixed(1)}/s`,
    `${shareOf({ wallMs, processorMs, workloads, ...slice }).toFixed(0)} % of the API server`,
    `${(processorMs / workloads).toFixed(1)} ms of ours each`,
    `${slice.residentMb.toFixed(0)} MB`,
  ]
  process.stderr.write(`  ${texts.join(', ')}\n`)
}

/**
 * How many lifecycles there are in a second, and whether the thousands after the first cost more.
 *
 * Apps of 20 workloads, each written by a user, each workload a Deployment of one pod with a task before its rollout and one
 * after it. 200 workloads are created at once, in a namespace of their own; the time runs from just before the first until a
 * watch tells that the last app is completed. Jobs end and pods run at once, by the benchmark's writes; the Job controller is
 * off. What was completed stays, so that the process holds more and more: "at 5,000" are the last of these.
 *
 * In turns with a process that patches ConfigMaps as fast as the API server takes it. The share is the writes of the
 * lifecycles a second, everybody's, as a part of those patches a second.
 */
export const lifecycleScale = (world: World, { workloads: sizes }: Sizes): Promise<Result> =>
  withLifecycles(world, async (lifecycles) => {
    const patches = await startPatchRate(world, 'bench-scale-patches')
    const running: Running = { world, lifecycles, patches }
    try {
      await runSlice(running, { namespace: 'bench-scale-warm-up', apps: 2 })
      const slices: Slice[] = []
      for (let index = 0; index * workloadsOfSlice < Math.max(...sizes); index++) {
        const namespace = nameOf('bench-scale', index)
        const slice = await runSlice(running, { namespace, apps: appsOfSlice })
        slices.push(slice)
        say(index, slice)
      }
      return summary(slices, sizes)
    } finally {
      patches.stop()
    }
  })
