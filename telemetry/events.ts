/**
 * Tells transitions as Kubernetes Events, so that `kubectl get events` and `kubectl describe` show what happened and why.
 *
 * An event's name follows from the transition's id: telling the same fact twice is a `409`, and one event. What can't be
 * told is logged and dropped: an event is never worth holding a deployment up.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import { Event } from '../api/kubernetes.ts'
import type { New } from '../api/object.ts'
import type { Client } from '../kube/client.ts'
import type { ObjectReference, Transition } from '../kube/decision.ts'
import { ApiError, isAlreadyExists, isNamespaceTerminating } from '../kube/errors.ts'

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
const longestNote = 1024
const longestName = 253
/** Events wait here while the API server is slow; what comes on top of that is dropped and counted. */
const longestQueue = 2000
const inFlight = 4
/** Events are sent when nothing more was told for so long: the steps of a release follow each other faster. */
const quietMs = 50
/** However much is told, no event waits longer than this for that. */
const longestWaitMs = 1_000

const cutBytes = (text: string, limit: number): string => {
  const bytes = Buffer.from(text)
  if (bytes.length <= limit) return text
  return bytes
    .subarray(0, limit - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')
    .concat('…')
}

const nameOf = (subject: ObjectReference, id: string): string => {
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 16)
  const prefix = subject.name.slice(0, longestName - hash.length - 1).replace(/[-.]+$/, '')
  return `${prefix}.${hash}`
}

/** The Event that tells a transition. Pure: the same transition makes the same event. */
export const eventOf = (
  transition: Transition,
  reporter: { readonly controller: string; readonly instance: string },
): New<Event> => {
  const { subject, id, at } = transition
  // Events of what is in no namespace live in `default`, as Kubernetes' own do.
  const namespace = subject.namespace ?? 'default'
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: {
      name: nameOf(subject, id),
      namespace,
      ...(transition.attributes === undefined ? {} : { annotations: transition.attributes }),
    },
    eventTime: at.toISOString().replace('Z', '000Z'),
    reportingController: reporter.controller,
    reportingInstance: cutBytes(reporter.instance, 128),
    action: transition.reason,
    reason: transition.reason,
    regarding: {
      apiVersion: subject.apiVersion,
      kind: subject.kind,
      name: subject.name,
      uid: subject.uid,
      namespace,
    },
    note: cutBytes(transition.message, longestNote),
    type: transition.severity,
  }
}

/**
 * Sends events in the order in which they are told, a few at a time.
 *
 * They make way for what they tell of: more than half of all writes of a release are events, and one sent at once competes
 * with the next step, for this process and for the API server. So they go out when a release pauses or is over.
 */
export const createEventSender = (options: {
  readonly client: Pick<Client, 'create'>
  readonly reporter: { readonly controller: string; readonly instance: string }
  readonly log: Logger
  readonly signal: AbortSignal
}): ((transitions: readonly Transition[]) => void) => {
  const { client, reporter, log, signal } = options
  const waiting: Transition[] = []
  const due: Transition[] = []
  let timer: NodeJS.Timeout | undefined
  let latestAt = 0
  let underWay = 0

  const send = async (transition: Transition): Promise<void> => {
    try {
      await client.create(Event, eventOf(transition, reporter), { signal })
    } catch (error) {
      if (isAlreadyExists(error) || signal.aborted) return
      const status = error instanceof ApiError ? error.status : undefined
      // What is told of a namespace's end by its objects can be stored nowhere: expected, so not worth a person's time.
      const level = isNamespaceTerminating(error) ? 'debug' : 'warn'
      log[level]({ err: error, status, reason: transition.reason }, 'Event was not stored')
    }
  }

  const next = (): void => {
    while (underWay < inFlight) {
      const transition = due.shift()
      if (transition === undefined) return
      underWay += 1
      void send(transition).finally(() => {
        underWay -= 1
        next()
      })
    }
  }

  const release = (): void => {
    timer = undefined
    due.push(...waiting.splice(0))
    next()
  }

  return (transitions) => {
    const room = longestQueue - waiting.length - due.length
    waiting.push(...transitions.slice(0, room))
    if (transitions.length > room) {
      log.warn({ dropped: transitions.length - room }, 'Events were dropped')
    }
    const now = performance.now()
    if (timer === undefined) latestAt = now + longestWaitMs
    clearTimeout(timer)
    timer = setTimeout(release, Math.min(quietMs, latestAt - now))
  }
}
