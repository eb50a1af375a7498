/** A program that posts a CloudEvent to the URL that it is given, once in each mode, and prints what came of it. */
import { Agent } from 'undici'
import type { Transition } from '../../../kube/decision.ts'
import { sendCloudEvent } from '../../../telemetry/cloud-events/sending.ts'

const [, , endpoint = ''] = process.argv
const transition: Transition = {
  ...{ id: 'uid-cart/WorkloadDeploy/Started', reason: 'WorkloadDeployStarted', severity: 'Normal' },
  ...{ message: 'Workload Deployment: has started', at: new Date('2026-03-01T12:00:30Z') },
  subject: {
    ...{ apiVersion: 'lifecycle.keptn.sh/v1', kind: 'KeptnWorkloadVersion', namespace: 'shop' },
    ...{ name: 'shop-cart-2', uid: 'uid-cart' },
  },
}
const agent = new Agent()
const { signal } = new AbortController()
for (const mode of ['binary', 'structured'] as const) {
  const sent = await sendCloudEvent(
    transition,
    { endpoint, mode, names: 'seeds' },
    { agent, signal },
  )
  process.stdout.write(`${sent.outcome}\n`)
}
await agent.close()
