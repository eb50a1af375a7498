/**
 * Everything in a simulated cluster that is not us: people who deploy, and Kubernetes. Each thing that could happen next is a
 * step; whoever runs the history chooses among them.
 *
 * @module
 */
import { withRequests } from './actions.ts'
import { createAdmission } from './admission.ts'
import type { ApiServer } from './api-server.ts'
import { createFleet } from './fleet.ts'
import { createIntent, type Intent } from './intent.ts'
import { createMachinery } from './machinery.ts'
import { createPeople } from './people.ts'
import type { Random } from './random.ts'
import type { Step } from './step.ts'

/** The rest of the cluster. */
export interface World {
  readonly intent: Intent
  /** What people do next, if they have anything left to do. */
  readonly people: () => readonly Step[]
  /** What Kubernetes could do next. */
  readonly machinery: () => readonly Step[]
}

/** Makes a cluster with people who are about to deploy a few workloads. What they ask of versions has chances of its own. */
export const createWorld = (server: ApiServer, random: Random, asking: Random): World => {
  const intent = createIntent(random)
  const admission = createAdmission(server, random)
  const fleet = createFleet(server, admission, intent)
  const rest = createMachinery(server, random, intent)
  const script = withRequests(createPeople({ server, random, admission, fleet, intent }), {
    server,
    random: asking,
  })
  let state = ''
  let steps: readonly Step[] = []
  const next = (): void => script.shift()?.()
  return {
    intent,
    people: () => (script.length === 0 ? [] : [next]),
    // What could happen follows from what is stored, and from what has become due.
    machinery: () => {
      const now = `${server.version()}/${rest.due()}`
      if (state !== now) {
        state = now
        steps = [...fleet.machinery(), ...rest.steps()]
      }
      return steps
    },
  }
}
