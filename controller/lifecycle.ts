/**
 * The parts lifecycle and gate: one set of stores, one lease. A replica that does not lead keeps its stores up to date and opens
 * gates, so that it can take over at once.
 *
 * @module
 */
import { gateControllers, releasedCondition } from '../gate/index.ts'
import { isHeld } from '../identity/scope.ts'
import type { Runtime } from '../kube/controller.ts'
import { keyOf } from '../kube/keys.ts'
import type { Term } from '../kube/lease.ts'
import {
  lifecycleControllers,
  lifecycleIndexes,
  toldLately,
  watchPolicy,
} from '../lifecycle/index.ts'
import { serveLifecycleMetrics } from '../telemetry/prometheus/index.ts'
import { cloudEventListener } from './cloud-events.ts'
import { tellAgain } from './listeners.ts'
import { notifications } from './notifications.ts'
import { eventListener, lead, runRows, runtimeOf, type Process, type Started } from './part.ts'
import { reflectLifecycle } from './reflections.ts'
import { spanTeller } from './traces.ts'

/** Keptn's name, so that its operator and ours never act together. */
const leaseName = '6b866dd9.keptn.sh'

/** Starts the parts lifecycle and gate. */
export const startLifecycle = (process: Process): Started => {
  const { client, settings } = process
  const { reflectors, stores, gateStores } = reflectLifecycle({
    ...process,
    namespace: settings.namespace,
    eligibility: settings.eligibility,
  })
  const events = eventListener(process, 'lifecycle-operator')
  const people = notifications(process, stores.configs, events)
  const listeners = [events, cloudEventListener(process, stores.configs, events), people.listener]
  const runtime = runtimeOf(process, reflectors, listeners)
  const guard = watchPolicy(process)
  let term: (Term & { readonly since: Date }) | undefined
  serveLifecycleMetrics({
    ...process,
    stores,
    reflectors,
    promotes: settings.promotes,
    leading: () => term,
    holding: {
      pods: gateStores.pods,
      condition: releasedCondition,
      isHeld,
      hasVersion: (pod) =>
        lifecycleIndexes.pods
          .revision(pod)
          .some((revision) => stores.workloadVersions.by('revision', revision).length > 0),
    },
  })
  const gate = gateControllers({
    ...gateStores,
    client,
    leads: () => term?.stillLeading() === true,
    settings: { namespace: settings.namespace },
  })
  // Keptn's words: scripts wait for them.
  stores.configs.subscribe(({ now }) => {
    if (now !== undefined) process.log.info({ config: keyOf(now) }, 'reconciling Keptn Config')
  })
  const synced = Promise.all(reflectors.map((reflector) => reflector.synced))
  const tellSpans = spanTeller(process, stores, { events, synced })
  // The one who led before may not have told all that it had stored.
  const tellStored = (signal: AbortSignal): void => {
    const { namespace } = settings
    try {
      const told = toldLately({ stores, namespace, now: new Date() })
      tellAgain(told, { listeners, log: process.log, signal })
    } catch (error) {
      process.log.error({ err: error }, 'Telling again failed')
    }
  }
  const leading = async (now: Term): Promise<void> => {
    term = { ...now, since: new Date() }
    const engine = lifecycleControllers({ stores, client, settings, guard })
    const own: Runtime = { ...runtime, signal: now.signal, mayWrite: now.stillLeading }
    const rows = [...engine.map((controller) => ({ controller })), ...gate.leading()]
    void synced.then(() => {
      tellStored(now.signal)
    })
    await Promise.all([runRows(rows, own), tellSpans(now), people.lead(now)])
  }
  return {
    isReady: () => reflectors.every((reflector) => reflector.isSynced()),
    ended: Promise.all([runRows(gate.always, runtime), lead(process, leaseName, leading)]).then(
      () => undefined,
    ),
  }
}
