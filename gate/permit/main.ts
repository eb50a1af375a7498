/**
 * The process `gatekept permit`. What it reads of its environment is told in README.md.
 *
 * @module
 */
import closeWithGrace from 'close-with-grace'
import { pino, type Logger } from 'pino'
import type { KeptnWorkloadVersion } from '../../api/keptn-workload-version.ts'
import type { Namespace } from '../../api/kubernetes.ts'
import { createClient, type Client } from '../../kube/client.ts'
import { inCluster } from '../../kube/connection.ts'
import { runController } from '../../kube/controller.ts'
import { startReflector } from '../../kube/reflector.ts'
import { buildProbes } from '../../telemetry/probes.ts'
import type { HeldPod } from '../held-pods.ts'
import { buildExtender } from './app.ts'
import { createPermit, permitNamespaces, verdicts, waitingPods } from './index.ts'

/** The permit at work. */
export interface StartedPermit {
  readonly app: ReturnType<typeof buildExtender>
  /** Whether its stores are equal to the cluster: before they are, every pod is held. */
  readonly isSynced: () => boolean
  /** Resolves once the signal is aborted and nothing of it runs any more. */
  readonly ended: Promise<void>
}

/** Starts all but the ports. */
export const startPermit = (process: {
  readonly client: Client
  readonly log: Logger
  readonly signal: AbortSignal
}): StartedPermit => {
  const pods = startReflector<HeldPod>({ ...process, ...waitingPods })
  const versions = startReflector<KeptnWorkloadVersion>({ ...process, ...verdicts })
  const namespaces = startReflector<Namespace>({ ...process, ...permitNamespaces })
  const stores = [pods, versions, namespaces]
  const isSynced = (): boolean => stores.every((reflector) => reflector.isSynced())
  const { ask, controller } = createPermit({
    pods: pods.store,
    versions: versions.store,
    namespaces: namespaces.store,
    client: process.client,
    isSynced,
    now: () => new Date(),
  })
  const ended = runController(controller, { ...process, stores, announce: () => undefined })
  return { app: buildExtender({ ask, log: process.log }), isSynced, ended }
}

/** Runs the permit until the process is told to end. Resolves when it listens; rejects if it can't. */
export const main = async (): Promise<void> => {
  const environment = process.env
  const log = pino({ level: environment['LOG_LEVEL'] ?? 'info', base: { role: 'permit' } })
  const client = createClient(inCluster(environment), { userAgent: 'gatekept-permit' })
  const stopping = new AbortController()
  const { app, isSynced, ended } = startPermit({ client, log, signal: stopping.signal })
  const probes = buildProbes(isSynced)
  // The scheduler beside it asks over the loopback of the pod; nobody else may.
  await app.listen({ host: '127.0.0.1', port: Number(environment['PERMIT_PORT'] ?? 9700) })
  probes.listen(Number(environment['PROBE_PORT'] ?? 8081))
  log.info('Permit started')

  closeWithGrace({ delay: 10_000, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'Permit failed')
    stopping.abort()
    await app.close()
    await ended
    probes.close()
    await client.close()
    log.info('Permit ended')
  })
}
