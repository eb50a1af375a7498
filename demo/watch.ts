/**
 * Follows the objects of one namespace, what its tasks write, and what Slack's stand-in says: by watches alone.
 *
 * @module
 */
import { pino } from 'pino'
import { Agent } from 'undici'
import { KeptnAppVersion, KeptnEvaluation, KeptnTask, KeptnWorkloadVersion } from '../api/index.ts'
import { Pod } from '../api/kubernetes.ts'
import type { KubeObject, ResourceType } from '../api/object.ts'
import { createClient } from '../kube/client.ts'
import type { Connection } from '../kube/connection.ts'
import { startReflector } from '../kube/reflector.ts'
import type { Store } from '../kube/store.ts'
import type { World } from './rows.ts'

/** The world as it is now, and word of every change. */
export interface Watching {
  readonly world: () => World
  /** Resolves once everything that was there at the start is known. */
  readonly synced: Promise<unknown>
  readonly close: () => Promise<void>
}

const keptLines = 100

interface Log {
  readonly namespace: string
  readonly name: string
  /** Only what is written from now on. */
  readonly newOnly: boolean
}

/** The lines that a pod writes, to its end or the signal's. */
const follow = async function* (
  connection: Connection,
  { namespace, name, newOnly }: Log,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const { ca, cert, key, token, server } = connection
  const identity = cert === undefined || key === undefined ? {} : { cert, key }
  const agent = new Agent({ connect: { ca, ...identity }, bodyTimeout: 0 })
  try {
    const { body } = await agent.request({
      origin: server.origin,
      path: `/api/v1/namespaces/${namespace}/pods/${name}/log?follow=true${newOnly ? '&tailLines=0' : ''}`,
      method: 'GET',
      headers: token === undefined ? {} : { authorization: `Bearer ${await token()}` },
      signal,
    })
    let rest = ''
    for await (const chunk of body.setEncoding('utf8')) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
    if (rest !== '') yield rest
  } finally {
    await agent.destroy()
  }
}

const hasStarted = ({ status }: Pod): boolean =>
  status?.containerStatuses?.some(
    ({ state }) => state?.running !== undefined || state?.terminated !== undefined,
  ) ?? false

interface Logs {
  /** The lines of each pod by its name. */
  readonly lines: ReadonlyMap<string, readonly string[]>
  /** Begins to read a pod's log, once. */
  readonly read: (pod: Pod, options?: { readonly newOnly: boolean }) => void
}

const readLogs = (connection: Connection, signal: AbortSignal, onChange: () => void): Logs => {
  const lines = new Map<string, string[]>()
  const collect = async (log: Log): Promise<void> => {
    const { name } = log
    for await (const line of follow(connection, log, signal)) {
      lines.set(name, [...(lines.get(name) ?? []), line].slice(-keptLines))
      onChange()
    }
  }
  return {
    lines,
    read: ({ metadata: { name, namespace = '' } }, { newOnly } = { newOnly: false }) => {
      if (lines.has(name)) return
      lines.set(name, [])
      // A log that can't be read any more shows what was read of it.
      collect({ name, namespace, newOnly }).catch(() => undefined)
    },
  }
}

/** Begins to follow. `onChange` is called whenever the world is not what it was. */
export const startWatching = (options: {
  readonly connection: Connection
  readonly namespace: string
  readonly slackNamespace: string
  readonly onChange: () => void
}): Watching => {
  const { connection, namespace, slackNamespace, onChange } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const client = createClient(connection, { userAgent: 'gatekept-demo' })
  const log = pino({ level: 'silent' })
  const synced: Promise<void>[] = []
  const reflect = <T extends KubeObject>(
    type: ResourceType<T>,
    where = namespace,
    onSeen: (object: T) => void = () => undefined,
  ): Store<T> => {
    const reflector = startReflector<T>({ client, type, namespace: where, log, signal })
    reflector.store.subscribe(({ now }) => {
      if (now !== undefined) onSeen(now)
      onChange()
    })
    synced.push(reflector.synced)
    return reflector.store
  }
  const logs = readLogs(connection, signal, onChange)
  const jobOf = (pod: Pod): string | undefined => pod.metadata.labels?.['job-name']

  const appVersions = reflect(KeptnAppVersion)
  const workloadVersions = reflect(KeptnWorkloadVersion)
  const tasks = reflect(KeptnTask)
  const evaluations = reflect(KeptnEvaluation)
  const pods = reflect(Pod, namespace, (pod) => {
    if (jobOf(pod) !== undefined && hasStarted(pod)) logs.read(pod)
  })
  const slack = reflect(Pod, slackNamespace, (pod) => {
    if (hasStarted(pod)) logs.read(pod, { newOnly: true })
  })

  const outputs = (): Map<string, readonly string[]> => {
    const names = new Map(
      [...tasks.all()].map((task) => [task.status?.jobName, task.metadata.name]),
    )
    return new Map(
      [...pods.all()].flatMap((pod) => {
        const task = names.get(jobOf(pod))
        return task === undefined ? [] : [[task, logs.lines.get(pod.metadata.name) ?? []]]
      }),
    )
  }
  return {
    synced: Promise.all(synced),
    world: () => ({
      now: new Date(),
      appVersions: [...appVersions.all()],
      workloadVersions: [...workloadVersions.all()],
      tasks: [...tasks.all()],
      evaluations: [...evaluations.all()],
      pods: [...pods.all()],
      outputs: outputs(),
      messages: [...slack.all()].flatMap(({ metadata }) => logs.lines.get(metadata.name) ?? []),
    }),
    close: async () => {
      stopping.abort()
      await client.close()
    },
  }
}
