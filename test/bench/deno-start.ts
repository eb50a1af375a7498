import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { stringify } from 'yaml'
import { KeptnTask } from '../../api/index.ts'
import { Namespace } from '../../api/kubernetes.ts'
import { eventually } from '../eventually.ts'
import { endOf, readCalls, type Call } from './audit.ts'
import { watchStarts, type Starts } from './containers.ts'
import { fakeNode } from './fake-node.ts'
import type { Detail, Figure, Result } from './result.ts'
import { median, quantile, ratioOfMedians, slices } from './statistics.ts'
import type { World } from './world.ts'

const count = 20
const warmUps = 2
/** How often the runner is started, and as often plain Deno, in one container. */
const turns = 100
const sliceCount = 10
/** What follows the end of a task is over by then. */
const settleMs = 1_500
const namespace = 'bench-deno'

/** The instant now, in milliseconds on the system's clock, as a script tells it. */
const nowInScript = 'performance.timeOrigin + performance.now()'

/** Answers what a script has sent here. */
interface Reports {
  readonly url: string
  readonly next: () => Promise<unknown>
  readonly close: () => void
}

const startReports = async (host: string): Promise<Reports> => {
  let report = Promise.withResolvers<unknown>()
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => {
      report.resolve(JSON.parse(body))
      response.end()
    })
  })
  server.listen(0, host)
  await once(server, 'listening')
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    next: async () => {
      const found = await report.promise
      report = Promise.withResolvers()
      return found
    },
    close: () => server.close(),
  }
}

const sending = (url: string, expression: string): string =>
  `await fetch('${url}', { method: 'POST', body: JSON.stringify(${expression}) })`

/** Starts the runner and plain Deno in turns, and sends how long each took to its script's first line. */
const compare = (url: string): string => `
const script = '/tmp/first-line.ts'
Deno.writeTextFileSync(script, 'console.log(${nowInScript})')
const untilFirstLine = async (program, ...args) => {
  const from = ${nowInScript}
  const command = new Deno.Command(program, { args, env: { SCRIPT: script } })
  const { stdout, stderr } = await command.output()
  const took = Number(new TextDecoder().decode(stdout)) - from
  if (!(took > 0)) throw new Error(new TextDecoder().decode(stderr))
  return took
}
const runner = []
const plain = []
for (let turn = 0; turn < ${turns}; turn++) {
  runner.push(await untilFirstLine('/usr/local/bin/run-script'))
  plain.push(await untilFirstLine('/usr/local/bin/deno', 'run', '--quiet', '--allow-net', script))
}
${sending(url, '{ runner, plain }')}`

/** The image that tasks run in, as it was delivered to the cluster. */
const denoImage = ({ cluster }: World): Promise<string> =>
  cluster.kubectl([
    ...['get', 'deployment/lifecycle-operator', '-n', 'keptn-system', '-o'],
    'jsonpath={.spec.template.spec.containers[0].env[?(@.name=="FUNCTION_RUNNER_IMAGE")].value}',
  ])

const prepare = async (world: World, url: string): Promise<void> => {
  const at = (name: string) => ({ name, namespace })
  const definition = (name: string, spec: object) => ({
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnTaskDefinition',
    metadata: at(name),
    spec,
  })
  await world.client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  })
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: at('claims'),
      // A pod that asks for nothing gets next to nothing where others, as this benchmark, keep the processors busy.
      spec: { limits: [{ type: 'Container', defaultRequest: { cpu: '1' } }] },
    },
    definition('first-line', {
      deno: {
        inline: { code: `const at: number = ${nowInScript}\n${sending(url, 'at')}` },
      },
    }),
    definition('compare', {
      container: {
        name: 'compare',
        image: await denoImage(world),
        imagePullPolicy: 'Never',
        command: ['/usr/local/bin/deno', 'eval', compare(url)],
      },
    }),
  ]
  await world.apply(objects.map((object) => stringify(object)).join('---\n'))
}

/** Runs a task by hand, and answers what its script has sent once the task has ended. */
const runTask = async (
  { client }: World,
  reports: Reports,
  { name, taskDefinition }: { readonly name: string; readonly taskDefinition: string },
): Promise<unknown> => {
  await client.create(KeptnTask, {
    apiVersion: `${KeptnTask.group}/${KeptnTask.version}`,
    kind: 'KeptnTask',
    metadata: { name, namespace },
    spec: { taskDefinition, retries: 0 },
  } as never)
  const ended = eventually(
    async () => {
      const { status } = (await client.get(KeptnTask, { namespace, name })) ?? {}
      if (status?.status !== 'Succeeded') {
        throw new Error(
          `Task "${name}" has not succeeded: ${status?.message ?? 'it has not ended'}`,
        )
      }
    },
    { timeoutMs: 60_000, everyMs: 200 },
  )
  const [report] = await Promise.all([reports.next(), ended])
  return report
}

/** The steps from a Job to the first line of its script, in the order in which they come. */
const steps = [
  'Job created → pod created',
  'pod created → pod bound to a node',
  'pod bound → sandbox started',
  'sandbox started → container started',
  'container started → first line',
] as const

/** The instants between the steps: one more than there are steps. */
const instantsOf = (
  calls: readonly Call[],
  started: readonly number[],
  firstLineAt: number,
): readonly number[] => {
  const answeredAt = (resource: string): number => {
    const call = calls.find(
      (each) =>
        each.verb === 'create' && each.resource === resource && each.namespace === namespace,
    )
    if (call === undefined) throw new Error(`Nobody has created ${resource}`)
    return call.answeredAt
  }
  const [sandboxAt, containerAt, ...others] = started
  if (sandboxAt === undefined || containerAt === undefined || others.length > 0) {
    throw new Error(`Not a sandbox and a container were started, but ${started.length} of them`)
  }
  return [...['jobs', 'pods', 'pods/binding'].map(answeredAt), sandboxAt, containerAt, firstLineAt]
}

const measureOne = async (
  world: World,
  reports: Reports,
  { starts, name }: { readonly starts: Starts; readonly name: string },
): Promise<readonly number[]> => {
  const { auditLog } = world.cluster
  const from = endOf(auditLog)
  const startsBefore = starts.all().length
  const firstLineAt = await runTask(world, reports, { name, taskDefinition: 'first-line' })
  await pause(settleMs)
  const calls = await readCalls(auditLog, from)
  return instantsOf(calls, starts.all().slice(startsBefore), Number(firstLineAt))
}

/** Lets pods run on the cluster's real node, and not on the one that is only an object. */
const onRealNode = async <T>({ cluster }: World, use: () => Promise<T>): Promise<T> => {
  const { nodeName: realNode = '' } = cluster
  await cluster.kubectl(['cordon', fakeNode])
  await cluster.kubectl(['uncordon', realNode])
  try {
    return await use()
  } finally {
    await cluster.kubectl(['cordon', realNode])
    await cluster.kubectl(['uncordon', fakeNode])
  }
}

interface Compared {
  readonly runner: readonly number[]
  readonly plain: readonly number[]
}

const figuresOf = (totals: readonly number[], { runner, plain }: Compared): readonly Figure[] => {
  const label = 'Job created → first line'
  return [
    { metric: `${label}, p50`, value: median(totals), unit: 'ms' },
    { metric: `${label}, p95`, value: quantile(totals, 0.95), unit: 'ms' },
    {
      metric: 'our runner → first line, p50',
      value: median(runner),
      unit: 'ms',
      peer: median(plain),
      ratio: ratioOfMedians(slices(runner, sliceCount), slices(plain, sliceCount)),
    },
    {
      metric: 'of it ours, p50',
      value: median(runner.map((took, turn) => took - (plain[turn] ?? Number.NaN))),
      unit: 'ms',
      limit: 20,
    },
  ]
}

const detailsOf = (runs: readonly (readonly number[])[]): readonly Detail[] =>
  steps.map((what, index) => {
    const took = runs.map((instants) => (instants[index + 1] ?? NaN) - (instants[index] ?? NaN))
    return {
      what,
      values: { 'p50 ms': median(took), 'p95 ms': quantile(took, 0.95) },
    }
  })

/**
 * How long a task in Deno takes from its Job to the first line of its script, and what of that is ours.
 *
 * From the instant at which the API server has answered the creation of the Job, to the one that the script takes first of all.
 * In between, by the API server's audit log, containerd's events and the script, all on the system's clock: the Job controller,
 * the scheduler, the kubelet with volumes and sandbox, the container, and in it our runner, Deno and the compilation of the
 * script. One task at a time, made by hand, on the cluster's real node; its code is in a ConfigMap.
 *
 * Of these our runner alone is ours. In a container of the same image it takes turns with plain `deno run`: from just before the
 * process is started to the first line of its script.
 */
export const denoStart = async (world: World): Promise<Result> => {
  const reports = await startReports(world.cluster.hostAddress)
  const starts = watchStarts(world.cluster)
  try {
    await prepare(world, reports.url)
    return await onRealNode(world, async () => {
      const runs: (readonly number[])[] = []
      for (let index = 0; index < warmUps + count; index++) {
        const instants = await measureOne(world, reports, { starts, name: `first-${index}` })
        if (index >= warmUps) runs.push(instants)
      }
      const compared = (await runTask(world, reports, {
        name: 'compare',
        taskDefinition: 'compare',
      })) as Compared
      const totals = runs.map((instants) => (instants.at(-1) ?? NaN) - (instants[0] ?? NaN))
      return {
        name: 'deno-start',
        figures: figuresOf(totals, compared),
        notes: [`${count} tasks, one at a time; ${turns} starts each, in turns.`],
        details: detailsOf(runs),
        samples: { gatekept: totals, runner: compared.runner, plainDeno: compared.plain },
      }
    })
  } finally {
    starts.stop()
    reports.close()
  }
}
