/**
 * One process of the controller on a simulated API server: the real controllers in the real loop, with real stores. Its
 * requests wait until somebody answers them, its stores learn of a change when somebody delivers it, and whether it leads
 * is decided by whoever runs the history.
 *
 * @module
 */
import { setMaxListeners } from 'node:events'
import { pino } from 'pino'
import { reflectLifecycle } from '../../controller/reflections.ts'
import { gateControllers } from '../../gate/index.ts'
import type { Client, RequestOptions } from '../../kube/client.ts'
import { runController, type Controller, type Runtime } from '../../kube/controller.ts'
import type { Transition } from '../../kube/decision.ts'
import { selects } from '../../kube/selector.ts'
import { lifecycleControllers, type ActionsGuard } from '../../lifecycle/index.ts'
import type { ApiServer } from './api-server.ts'
import { createWatches, type Watch } from './watch.ts'

/** A request that waits for its answer. */
export interface Request {
  /** What is asked for, for people. */
  readonly what: string
  readonly isWrite: boolean
  /** Whether the term in which it was sent is over, or there was none. */
  readonly isLate: () => boolean
  /** Does what is asked for; throws what the API server answers. */
  readonly carryOut: () => unknown
  readonly answer: (value: unknown) => void
  readonly refuse: (error: unknown) => void
}

/** A process that runs. */
export interface SimulatedProcess {
  /** Those on their way. */
  readonly requests: Request[]
  readonly watches: readonly Watch[]
  /** Whether it could become the leader: it has seen the cluster, and no earlier term of it is winding down. */
  readonly mayLead: () => boolean
  readonly leads: () => boolean
  readonly lead: () => void
  /** Its term is over by the clock; it does not know yet. */
  readonly lapse: () => void
  readonly hasLapsed: () => boolean
  /** It gets to know that its term is over. */
  readonly endTerm: () => void
  /** Ends it at once, with everything it has in memory. Its requests may be carried out all the same. */
  readonly crash: () => readonly Request[]
}

/** Our own namespace. */
export const home = 'keptn-system'

/** The policy of a simulated cluster is people's good conduct. */
const guard: ActionsGuard = { state: () => 'present', wakes: () => [] }
const log = pino({ level: 'silent' })
const workers = 3

interface Term {
  readonly ending: AbortController
  isOver: boolean
}

/** Starts a process that has seen nothing of the cluster yet. */
export const startProcess = (
  server: ApiServer,
  announce: (transitions: readonly Transition[]) => void,
): SimulatedProcess => {
  const killing = new AbortController()
  const { signal } = killing
  setMaxListeners(0, signal)
  const requests: Request[] = []
  let term: Term | undefined
  const client = createClient(server, { requests, term: () => term })
  const watches = createWatches(server)
  const { reflectors, stores, gateStores } = reflectLifecycle({
    ...{ client, log, signal, namespace: home, reflect: watches.reflect },
  })
  server.onChange((change) => {
    if (!signal.aborted) watches.tell(change)
  })
  let isWindingDown = false
  const leads = (): boolean => term?.isOver === false

  const gate = gateControllers({
    ...gateStores,
    client,
    leads,
    settings: { namespace: home },
  })
  const run = (
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- controllers differ in what they see
    controllers: readonly Controller<any, any>[],
    own: Pick<Runtime, 'signal' | 'mayWrite'>,
  ): Promise<unknown> =>
    Promise.all(
      controllers.map((controller) =>
        runController(controller, { client, stores: reflectors, announce, log, workers, ...own }),
      ),
    )
  void run(
    gate.always.map(({ controller }) => controller),
    { signal },
  )

  const endTerm = (): void => {
    if (term === undefined) return
    term.isOver = true
    term.ending.abort()
    term = undefined
  }
  return {
    requests,
    watches: watches.all,
    leads,
    mayLead: () => !isWindingDown && reflectors.every((reflector) => reflector.isSynced()),
    lead: () => {
      const now: Term = { ending: new AbortController(), isOver: false }
      setMaxListeners(0, now.ending.signal)
      term = now
      isWindingDown = true
      const settings = { namespace: home, denoImage: 'deno', pythonImage: 'python', promotes: true }
      const engine = lifecycleControllers({ stores, client, settings, guard })
      const rows = [...engine, ...gate.leading().map(({ controller }) => controller)]
      void run(rows, { signal: now.ending.signal, mayWrite: () => !now.isOver }).then(() => {
        isWindingDown = false
      })
    },
    lapse: () => {
      if (term !== undefined) term.isOver = true
    },
    hasLapsed: () => term?.isOver === true,
    endTerm,
    crash: () => {
      endTerm()
      killing.abort()
      return requests.splice(0)
    },
  }
}

/** A client whose requests are put on the list. One that is given up is refused, and may be carried out all the same. */
const createClient = (
  server: ApiServer,
  { requests, term }: { readonly requests: Request[]; readonly term: () => Term | undefined },
): Client => {
  const ask = <T>(
    what: string,
    carryOut: () => unknown,
    { signal }: RequestOptions = {},
  ): Promise<T> =>
    new Promise<unknown>((answer, refuse) => {
      if (signal?.aborted === true) {
        refuse(signal.reason as Error)
        return
      }
      signal?.addEventListener('abort', () => {
        refuse(signal.reason as Error)
      })
      const sentIn = term()
      requests.push({
        what,
        isWrite: !/^(get|list)/.test(what),
        isLate: () => sentIn?.isOver !== false,
        carryOut: () => server.asUs(carryOut),
        answer,
        refuse,
      })
    }) as Promise<T>
  const never = (): never => {
    throw new Error('Cannot do this on a simulated API server')
  }
  return {
    get: (type, at, options) =>
      ask(`get ${type.kind} ${at.name}`, () => server.get(type, at), options),
    list: (type, query = {}, options) =>
      ask(
        `list ${type.kind}`,
        () => {
          const items = server.list(type).filter(selects(query))
          return { items, resourceVersion: server.version() }
        },
        options,
      ),
    create: (type, object, options) =>
      ask(
        `create ${type.kind} ${object.metadata.name}`,
        () => server.create(type, object),
        options,
      ),
    patch: (type, patch, options) =>
      ask(`patch ${type.kind} ${patch.name}`, () => server.patch(type, patch), options),
    delete: (type, at, options) =>
      ask(
        `delete ${type.kind} ${at.name}`,
        () => {
          server.remove(type, at)
        },
        options,
      ),
    watch: never,
    raw: never,
    close: () => Promise.resolve(),
  }
}
