import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { pino } from 'pino'
import type { KubeObject } from '../../../api/object.ts'
import type { Client } from '../../../kube/client.ts'
import type { Transition } from '../../../kube/decision.ts'
import { ApiError } from '../../../kube/errors.ts'
import { createEventSender, eventOf } from '../../../telemetry/events.ts'
import { eventually } from '../../eventually.ts'

const reporter = { controller: 'lifecycle-operator', instance: 'operator-1' }

const transition = (more: Partial<Transition> = {}): Transition => ({
  id: 'uid-1/WorkloadDeploy/Started',
  subject: {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnWorkloadVersion',
    namespace: 'shop',
    name: 'shop-cart-2',
    uid: 'uid-1',
  },
  reason: 'WorkloadDeployStarted',
  severity: 'Normal',
  message: 'Workload Deployment: has started',
  at: new Date('2026-03-01T12:00:00.123Z'),
  ...more,
})

describe('the event of a transition', () => {
  test('says what happened to what, when and to whom it was known', () => {
    const attributes = { phase: 'WorkloadDeploy', version: '2' }
    const event = eventOf(transition({ attributes }), reporter)
    expect(event.metadata.name).toMatch(/^shop-cart-2\.[0-9a-f]{16}$/)
    expect(event).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: {
        name: event.metadata.name,
        namespace: 'shop',
        annotations: attributes,
      },
      eventTime: '2026-03-01T12:00:00.123000Z',
      reportingController: 'lifecycle-operator',
      reportingInstance: 'operator-1',
      action: 'WorkloadDeployStarted',
      reason: 'WorkloadDeployStarted',
      regarding: {
        apiVersion: 'lifecycle.keptn.sh/v1',
        kind: 'KeptnWorkloadVersion',
        namespace: 'shop',
        name: 'shop-cart-2',
        uid: 'uid-1',
      },
      note: 'Workload Deployment: has started',
      type: 'Normal',
    })
  })

  test('has the same name for the same fact, and another for another', () => {
    const name = (more: Partial<Transition>) => eventOf(transition(more), reporter).metadata.name
    expect(name({ at: new Date(), message: 'again' })).toBe(name({}))
    expect(name({ id: 'uid-1/WorkloadDeploy/Succeeded' })).not.toBe(name({}))
  })

  test('lives in the default namespace when its subject lives in none', () => {
    const { apiVersion, kind, name, uid } = transition().subject
    const subject = { apiVersion, kind, name, uid }
    expect(eventOf(transition({ subject }), reporter).metadata.namespace).toBe('default')
  })

  test('is one that the API server takes, whatever comes in', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 3_000 })
    const labels = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$/)
    const names = fc
      .array(labels, { minLength: 1, maxLength: 8 })
      .map((list) => list.join('.'))
      .filter((name) => name.length <= 253)
    fc.assert(
      fc.property(texts, names, texts, (message, name, instance) => {
        const subject = { ...transition().subject, name }
        const event = eventOf(transition({ message, subject }), { ...reporter, instance })
        expect(Buffer.byteLength(event.note)).toBeLessThanOrEqual(1_024)
        expect(Buffer.byteLength(event.reportingInstance)).toBeLessThanOrEqual(128)
        expect(event.metadata.name.length).toBeLessThanOrEqual(253)
        expect(event.metadata.name).toMatch(/^[a-z0-9][-a-z0-9.]*[a-z0-9]$/)
        expect(event.metadata.name).not.toMatch(/[-.]\.|\.-/)
      }),
    )
  })
})

/** A client that keeps what it is sent, and may refuse. */
const fakeClient = (refuse: (name: string) => ApiError | undefined = () => undefined) => {
  const stored: string[] = []
  let inFlight = 0
  let most = 0
  const create = async (_: unknown, object: { readonly metadata: { readonly name: string } }) => {
    inFlight += 1
    most = Math.max(most, inFlight)
    await Promise.resolve()
    inFlight -= 1
    const error = refuse(object.metadata.name)
    if (error !== undefined) throw error
    stored.push((object as unknown as { readonly note: string }).note)
    return object as unknown as KubeObject
  }
  return { client: { create } as unknown as Pick<Client, 'create'>, stored, most: () => most }
}

const logged = () => {
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  return { lines, log }
}

const many = (count: number): readonly Transition[] =>
  Array.from({ length: count }, (_, index) =>
    transition({ id: `uid-1/Phase${String(index)}/Started`, message: String(index) }),
  )

describe('the sender of events', () => {
  test('sends all, in their order, a few at a time', async () => {
    const { client, stored, most } = fakeClient()
    const { log } = logged()
    const { signal } = new AbortController()
    createEventSender({ client, reporter, log, signal })(many(50))
    await eventually(() => {
      expect(stored).toHaveLength(50)
    })
    expect(stored).toEqual(many(50).map(({ message }) => message))
    expect(most()).toBe(4)
  })

  test('does not warn of what a namespace that is being deleted refuses', async () => {
    const details = { status: 403, reason: 'Forbidden', causes: ['NamespaceTerminating'] }
    const [first] = many(2).map((each) => eventOf(each, reporter).metadata.name)
    const { client, stored } = fakeClient((name) =>
      name === first ? new ApiError('It ends', details) : undefined,
    )
    const { log, lines } = logged()
    const { signal } = new AbortController()
    createEventSender({ client, reporter, log, signal })(many(2))
    await eventually(() => {
      expect(stored).toEqual(['1'])
    })
    expect(lines.map((line) => (JSON.parse(line) as { readonly level: number }).level)).toEqual([
      20,
    ])
  })

  test('takes an event that is there for one that was sent, and says so of none other', async () => {
    const taken = new ApiError('There', { status: 409, reason: 'AlreadyExists' })
    const full = new ApiError('Full', { status: 500, reason: 'InternalError' })
    const [first, second] = many(3).map((each) => eventOf(each, reporter).metadata.name)
    const { client, stored } = fakeClient((name) =>
      name === first ? taken : name === second ? full : undefined,
    )
    const { log, lines } = logged()
    const { signal } = new AbortController()
    createEventSender({ client, reporter, log, signal })(many(3))
    await eventually(() => {
      expect(stored).toEqual(['2'])
    })
    expect(lines.map((line) => (JSON.parse(line) as { readonly msg: string }).msg)).toEqual([
      'Event was not stored',
    ])
  })

  test('drops what comes on top of a full queue, and says how many', async () => {
    const { client, stored } = fakeClient()
    const { log, lines } = logged()
    const { signal } = new AbortController()
    createEventSender({ client, reporter, log, signal })(many(2_010))
    await eventually(() => {
      expect(stored).toHaveLength(2_000)
    })
    expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({ dropped: 10, msg: 'Events were dropped' })
  })
})
