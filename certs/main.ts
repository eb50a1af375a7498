/**
 * `gatekept certs bootstrap`: makes certificates and ends. For clusters in which the webhook is to be ready before any
 * controller runs; the controller's part `certs` does the same and goes on.
 *
 * @module
 */
import { pino } from 'pino'
import { createClient } from '../kube/client.ts'
import { inCluster } from '../kube/connection.ts'
import { ensureCertificates } from './bootstrap.ts'

/** Runs the command. Rejects when certificates could not be brought in order. */
export const main = async (args: readonly string[]): Promise<void> => {
  if (args.length !== 1 || args[0] !== 'bootstrap') {
    throw new Error('Usage: gatekept certs bootstrap')
  }
  const environment = process.env
  const log = pino({ level: environment['LOG_LEVEL'] ?? 'info', base: { role: 'certs' } })
  const client = createClient(inCluster(environment), { userAgent: 'gatekept-certs' })
  try {
    await ensureCertificates({
      client,
      namespace: environment['POD_NAMESPACE'] ?? 'keptn-system',
      log,
    })
  } finally {
    await client.close()
  }
}
