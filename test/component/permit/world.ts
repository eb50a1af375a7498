/**
 * A control plane whose webhook holds pods by their scheduler, with the engine, and with a second kube-scheduler that asks the
 * permit. Scheduler and permit have the configuration and the permissions that the chart gives them. The one node runs nothing:
 * what a kubelet would say of the pod of a task is said here.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { parse, stringify } from 'yaml'
import { startLifecycle } from '../../../controller/lifecycle.ts'
import { readSettings } from '../../../controller/settings.ts'
import { renderChart } from '../../../deploy/chart.ts'
import { buildExtender } from '../../../gate/permit/app.ts'
import type { Answer, Question } from '../../../gate/permit/extender.ts'
import { startPermit } from '../../../gate/permit/main.ts'
import { permitScheduler } from '../../../identity/keys.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import type { Connection } from '../../../kube/connection.ts'
import { thisMachine, type Cluster } from '../../cluster/cluster.ts'
import { layoutOf, readRecord } from '../../cluster/record.ts'
import { installRights } from '../account.ts'
import { namespace, startWorld as startWebhook } from '../webhook/world.ts'
import { withPermit } from '../../chart.ts'
import { adminOf } from '../../connection.ts'
import { applyCrds } from '../../kinds.ts'

export interface World {
  readonly cluster: Cluster
  readonly client: Client
  readonly startPermit: () => Promise<void>
  readonly stopPermit: () => Promise<void>
  /** Puts one that lets nobody go in the place of the permit; gives the UIDs of the pods that it was asked about. */
  readonly holdEverything: () => Promise<() => readonly string[]>
  readonly close: () => Promise<void>
}

const log = pino({ level: 'silent' })

/** Starts all of it. */
export const startWorld = async (name: string): Promise<World> => {
  const admission = await startWebhook(name, { holding: 'permit' })
  const { cluster, client } = admission
  await applyCrds(cluster)
  await installRights(cluster, withPermit)
  await cluster.addFakeNode('node-1')
  const folder = await mkdtemp(join(tmpdir(), 'permit-'))
  const { ca } = cluster.credentials
  const server = new URL(cluster.server)
  const engine = startEngine(adminOf(cluster))
  const token = await cluster.kubectl([
    ...['create', 'token', permitScheduler, `--namespace=${namespace}`],
  ])
  const permit = permitSwitch(cluster, { server, ca, token: () => token.trim() })
  const port = await permit.start()
  const scheduler = await startScheduler(cluster, { folder, port, token: token.trim() })
  return {
    cluster,
    client,
    startPermit: async () => {
      await permit.stop()
      await permit.start()
    },
    stopPermit: permit.stop,
    holdEverything: permit.holdEverything,
    close: async () => {
      scheduler.kill()
      if (scheduler.exitCode === null && scheduler.signalCode === null)
        await once(scheduler, 'exit')
      await permit.stop()
      await engine.stop()
      await admission.close()
      await rm(folder, { recursive: true })
    },
  }
}

const startEngine = (connection: Connection): { readonly stop: () => Promise<void> } => {
  const client = createClient(connection, { userAgent: 'engine-under-test' })
  const ending = new AbortController()
  const settings = readSettings(['--parts', 'lifecycle,gate'], {
    POD_NAME: 'engine',
    FUNCTION_RUNNER_IMAGE: 'example.org/deno',
    PYTHON_RUNNER_IMAGE: 'example.org/python',
  })
  const { ended } = startLifecycle({ client, settings, log, signal: ending.signal })
  return {
    stop: async () => {
      ending.abort()
      await ended
      await client.close()
    },
  }
}

/** The permit, always at the same address. */
const permitSwitch = (cluster: Cluster, connection: Connection) => {
  let port = 0
  let stop = (): Promise<void> => Promise.resolve()
  return {
    start: async (): Promise<number> => {
      const client = createClient(connection, { userAgent: 'permit-under-test' })
      const ending = new AbortController()
      const { app, ended } = startPermit({ client, log, signal: ending.signal })
      await app.listen({ host: cluster.hostAddress, port })
      port = (app.server.address() as AddressInfo).port
      stop = async () => {
        stop = () => Promise.resolve()
        ending.abort()
        await app.close()
        await ended
        await client.close()
      }
      return port
    },
    stop: () => stop(),
    holdEverything: async (): Promise<() => readonly string[]> => {
      await stop()
      const asked: string[] = []
      const ask = ({ pod }: Question): Answer => {
        asked.push(pod.uid)
        return { passes: false, message: 'not yet' }
      }
      const app = buildExtender({ ask, log })
      await app.listen({ host: cluster.hostAddress, port })
      stop = async () => {
        stop = () => Promise.resolve()
        await app.close()
      }
      return () => asked
    },
  }
}

interface Configuration {
  readonly extenders: readonly { readonly urlPrefix: string }[]
}

const shippedConfiguration = async (): Promise<Configuration> => {
  const found = (await renderChart(withPermit)).find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === permitScheduler,
  )
  const data = found?.['data'] as Readonly<Record<string, string>> | undefined
  return parse(data?.['scheduler-configuration.yaml'] ?? '') as Configuration
}

/** The scheduler of the chart, but that its permit is at another address, and it at another port than the cluster's own. */
const startScheduler = async (
  cluster: Cluster,
  at: { readonly folder: string; readonly port: number; readonly token: string },
): Promise<ChildProcess> => {
  const { folder, port, token } = at
  const record = readRecord(thisMachine(), cluster.name)
  if (record === undefined || cluster.netns === undefined) throw new Error('There is no cluster')
  const { binaries } = layoutOf(thisMachine(), record)
  const kubeconfig = join(folder, 'kubeconfig')
  const config = join(folder, 'scheduler.yaml')
  const shipped = await shippedConfiguration()
  const [extender] = shipped.extenders
  const configuration = {
    ...shipped,
    clientConnection: { kubeconfig },
    extenders: [{ ...extender, urlPrefix: `http://${cluster.hostAddress}:${port}` }],
  }
  await writeFile(kubeconfig, stringify(kubeconfigOf(cluster, token)))
  await writeFile(config, stringify(configuration))
  return spawn(
    'ip',
    [
      ...['netns', 'exec', cluster.netns, join(binaries, 'kube-scheduler'), `--config=${config}`],
      ...[`--bind-address=${cluster.nodeAddress}`, '--secure-port=10260'],
    ],
    { stdio: 'ignore', cwd: folder, env: { PATH: process.env['PATH'], HOME: folder } },
  )
}

const kubeconfigOf = ({ server, credentials }: Cluster, token: string): object => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    {
      name: 'cluster',
      cluster: {
        server,
        'certificate-authority-data': Buffer.from(credentials.ca).toString('base64'),
      },
    },
  ],
  users: [{ name: 'scheduler', user: { token } }],
  contexts: [{ name: 'cluster', context: { cluster: 'cluster', user: 'scheduler' } }],
  'current-context': 'cluster',
})
