/**
 * Where tasks of end-to-end tests report, each with the context that it was given, and where they wait until the test lets
 * them pass. So a test knows what has run, how often and in which order, and holds a phase for as long as it needs.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Cluster } from '../cluster/cluster.ts'

/** A task that has reported. */
export interface Arrival {
  readonly namespace: string
  /** Name of its definition. */
  readonly task: string
  /** What `KEPTN_CONTEXT` told it, or what else it reports. */
  readonly context: Readonly<Record<string, unknown>>
}

/** Definitions of tasks that report here, and what has reported. */
export interface Checkpoint {
  /** A server like Prometheus, for which the value of everything is 1. */
  readonly url: string
  /** The definition of a task that reports, and passes once it may. */
  readonly definition: (namespace: string, name: string) => object
  /** A line of a Deno script that reports with the value of an expression as its context, and goes on once it may. */
  readonly call: (namespace: string, name: string, expression?: string) => string
  /** The names of the tasks that have reported from a namespace, in that order. */
  readonly ran: (namespace: string) => readonly string[]
  /** What the tasks of this name were told. */
  readonly contexts: (namespace: string, task: string) => readonly Arrival['context'][]
  /** Lets tasks of these names pass, those that wait and those that will come. */
  readonly open: (namespace: string, ...tasks: readonly string[]) => void
  readonly close: () => void
}

/** What a task runs: it asks, and ends well if it is told so. As process 1 it has to see to its own end. */
const program = `
process.on('SIGTERM', () => process.exit(143))
const url = process.argv[1] + '?' + encodeURIComponent(process.env.KEPTN_CONTEXT)
require('node:http').get(url, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))`

/** The image of Gatekept has Node, and is on the node already. */
const imageOf = (cluster: Cluster): Promise<string> =>
  cluster.kubectl([
    ...['get', 'deployment/lifecycle-operator', '-n', 'keptn-system'],
    ...['-o', 'jsonpath={.spec.template.spec.containers[0].image}'],
  ])

const alwaysOne = (): string =>
  JSON.stringify({
    status: 'success',
    data: { resultType: 'vector', result: [{ metric: {}, value: [Date.now() / 1000, '1'] }] },
  })

/** Starts it on the address that the cluster reaches. */
export const startCheckpoint = async (cluster: Cluster): Promise<Checkpoint> => {
  const image = await imageOf(cluster)
  const arrivals: Arrival[] = []
  const opened = new Set<string>()
  const waiting = new Map<string, ServerResponse[]>()
  const server = createServer(({ url: asked = '' }, response) => {
    if (asked.startsWith('/api/')) {
      response.setHeader('content-type', 'application/json').end(alwaysOne())
      return
    }
    const [path = '', context = '{}'] = asked.split('?')
    const [, namespace = '', task = ''] = path.split('/')
    arrivals.push({
      namespace,
      task,
      context: JSON.parse(decodeURIComponent(context)) as Arrival['context'],
    })
    if (opened.has(path)) response.end()
    else waiting.set(path, [...(waiting.get(path) ?? []), response])
  })
  server.listen(0, cluster.hostAddress)
  await once(server, 'listening')
  const url = `http://${cluster.hostAddress}:${(server.address() as AddressInfo).port}`
  const from = (namespace: string) => arrivals.filter((each) => each.namespace === namespace)
  return {
    url,
    definition: (namespace, name) => ({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnTaskDefinition',
      metadata: { name, namespace },
      spec: {
        retries: 0,
        container: {
          name: 'report',
          image,
          imagePullPolicy: 'Never',
          command: ['/usr/local/bin/node', '-e', program, `${url}/${namespace}/${name}`],
        },
      },
    }),
    call: (namespace, name, expression = "JSON.parse(Deno.env.get('KEPTN_CONTEXT'))") =>
      `await fetch('${url}/${namespace}/${name}?' + encodeURIComponent(JSON.stringify(${expression})))\n`,
    ran: (namespace) => from(namespace).map(({ task }) => task),
    contexts: (namespace, task) =>
      from(namespace)
        .filter((each) => each.task === task)
        .map(({ context }) => context),
    open: (namespace, ...tasks) => {
      for (const path of tasks.map((task) => `/${namespace}/${task}`)) {
        opened.add(path)
        for (const response of waiting.get(path) ?? []) response.end()
        waiting.delete(path)
      }
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
