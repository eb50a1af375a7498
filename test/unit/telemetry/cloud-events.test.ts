import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { HTTP, type CloudEventV1 } from 'cloudevents'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import type { Transition } from '../../../kube/decision.ts'
import { cloudEventOf, type CloudEventData } from '../../../telemetry/cloud-events/event.ts'
import {
  createCloudEventSender,
  type CloudEventSettings,
  type Notice,
} from '../../../telemetry/cloud-events/index.ts'
import { createDelivery, type DeliveryOptions, type Sent } from '../../../telemetry/delivery.ts'
import { eventually } from '../../eventually.ts'

const at = new Date('2026-03-01T12:00:30.123Z')

const transition = (
  name: string,
  reason = 'WorkloadDeployStarted',
  more: Partial<Transition> = {},
): Transition => ({
  id: `uid-${name}/${reason}`,
  subject: {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnWorkloadVersion',
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
  },
  reason,
  severity: 'Normal',
  message: 'Workload Deployment: has started',
  at,
  attributes: { appName: 'shop', version: '2.0' },
  ...more,
})

const deploy = { name: 'WorkloadDeploy', longName: 'Workload Deployment' }

describe('a transition as a CloudEvent', () => {
  test('has the words of its Kubernetes Event, and says what it is about', () => {
    expect(cloudEventOf(transition('shop-cart-2.0'), 'seeds')).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      source: 'keptn.sh',
      type: 'sh.keptn.WorkloadDeployStarted',
      subject: 'KeptnWorkloadVersion/shop/shop-cart-2.0',
      time: '2026-03-01T12:00:30.123Z',
      datacontenttype: 'application/json',
      data: {
        message: 'Workload Deployment: has started',
        type: 'Normal',
        version: '2.0',
        resource: {
          group: 'lifecycle.keptn.sh',
          kind: 'KeptnWorkloadVersion',
          version: 'v1',
          name: 'shop-cart-2.0',
          namespace: 'shop',
        },
        attributes: { appName: 'shop', version: '2.0' },
      },
    })
  })

  test.each([
    ['WorkloadDeployStarted', 'Started', 'Workload Deployment.Started'],
    ['WorkloadDeployFinished', 'Succeeded', 'Workload Deployment.Finished'],
    ['WorkloadDeployFailed', 'Errored', 'Workload Deployment.Failed'],
    ['CreateTaskFailed', undefined, 'Create Task.Failed'],
    ['ReconcileEvaluationFailed', undefined, 'Reconcile Evaluation.Failed'],
    ['AppCompletedFinished', undefined, 'App Completed.Finished'],
  ] as const)('%s has the type that Keptn gave it', (reason, state, type) => {
    const phase = state === undefined ? {} : { phase: { ...deploy, state } }
    const event = cloudEventOf(transition('cart', reason, phase), 'keptn')
    expect(event.type).toBe(type)
    expect(event.subject).toBeUndefined()
    expect(Object.keys(event.data ?? {})).toEqual(['message', 'type', 'version', 'resource'])
  })

  test('has one id for one fact, in whatever words', () => {
    const [one, again] = [transition('cart'), transition('cart', undefined, { at: new Date() })]
    expect(cloudEventOf(one, 'seeds').id).toBe(cloudEventOf(again, 'keptn').id)
    expect(cloudEventOf(one, 'seeds').id).not.toBe(cloudEventOf(transition('web'), 'seeds').id)
  })
})

describe('delivery', () => {
  const stopping = new AbortController()

  const started = (
    answers: (transition: Transition) => Sent,
    more: Partial<DeliveryOptions> = {},
  ) => {
    const seen: string[] = []
    const fates: string[] = []
    const outages: (string | undefined)[] = []
    const delivery = createDelivery({
      send: (each) => {
        const sent = answers(each)
        if (sent.outcome === 'delivered') seen.push(each.id)
        return Promise.resolve(sent)
      },
      onFate: (fate, count) => fates.push(...Array<string>(count).fill(fate)),
      onOutage: (why) => outages.push(why),
      signal: stopping.signal,
      firstPauseMs: 5,
      ...more,
    })
    return { delivery, seen, fates, outages }
  }

  test('drops what can not be sent at all, says so without quoting it, and goes on', async () => {
    const whys: string[] = []
    const { delivery, fates } = started(() => ({ outcome: 'delivered' }), {
      send: (each) =>
        each.reason === 'Broken'
          ? Promise.reject(new TypeError('token abc'))
          : Promise.resolve({ outcome: 'delivered' }),
      onFate: (fate, _, why) => {
        fates.push(fate)
        whys.push(why)
      },
    })
    delivery.add([transition('a', 'Broken'), transition('a', 'Sound')])
    await eventually(() => {
      expect(fates).toEqual(['refused', 'delivered'])
    })
    expect(whys[0]).toBe("it can't be sent (TypeError)")
  })

  test('keeps the order of each object over an outage, and gives each event once', async () => {
    let attempts = 0
    const { delivery, seen, outages } = started(() => {
      attempts += 1
      return attempts % 3 === 0 ? { outcome: 'delivered' } : { outcome: 'away', why: 'away' }
    })
    const all = [1, 2, 3, 4].flatMap((step) =>
      ['a', 'b', 'c'].map((name) => transition(name, `Step${String(step)}`)),
    )
    delivery.add(all)
    await eventually(() => {
      expect(delivery.waiting()).toBe(0)
    })
    for (const name of ['a', 'b', 'c']) {
      expect(seen.filter((id) => id.startsWith(`uid-${name}/`))).toEqual(
        [1, 2, 3, 4].map((step) => `uid-${name}/Step${String(step)}`),
      )
    }
    expect(outages.at(0)).toBe('away')
    expect(outages.at(-1)).toBeUndefined()
  })

  test('lets no object wait for all that is told of another', async () => {
    const { delivery, seen } = started(() => ({ outcome: 'delivered' }))
    const steps = Array.from({ length: 50 }, (_, step) => `Step${String(step)}`)
    const long = ['a', 'b', 'c', 'd'].flatMap((name) => steps.map((step) => transition(name, step)))
    delivery.add([...long, transition('e')])
    await eventually(() => {
      expect(delivery.waiting()).toBe(0)
    })
    expect(seen.indexOf('uid-e/WorkloadDeployStarted')).toBeLessThan(20)
  })

  test('takes ten thousand in little time', async () => {
    const { delivery, seen } = started(() => ({ outcome: 'delivered' }))
    delivery.add(Array.from({ length: 10_000 }, (_, each) => transition(`n${String(each)}`)))
    await eventually(() => {
      expect(seen).toHaveLength(10_000)
    })
  })

  test('drops what is refused, and goes on', async () => {
    const { delivery, seen, fates } = started(({ reason }) =>
      reason === 'Bad' ? { outcome: 'refused', why: 'no' } : { outcome: 'delivered' },
    )
    delivery.add([transition('a', 'Bad'), transition('a', 'Good')])
    await eventually(() => {
      expect(delivery.waiting()).toBe(0)
    })
    expect(seen).toEqual(['uid-a/Good'])
    expect(fates).toEqual(['refused', 'delivered'])
  })

  test('keeps no more than it may, and counts what it drops', async () => {
    let isAway = true
    const { delivery, fates, seen } = started(
      () => (isAway ? { outcome: 'away', why: 'away' } : { outcome: 'delivered' }),
      { longestQueue: 3 },
    )
    delivery.add([1, 2, 3, 4, 5].map((step) => transition('a', `Step${String(step)}`)))
    expect(delivery.waiting()).toBe(3)
    expect(fates).toEqual(['dropped', 'dropped'])
    isAway = false
    await eventually(() => {
      expect(seen).toEqual(['uid-a/Step1', 'uid-a/Step2', 'uid-a/Step3'])
    })
  })
})

describe('a receiver', () => {
  let server: Server
  let endpoint: string
  let stopping: AbortController
  let answer: () => { readonly status: number; readonly headers?: Record<string, string> }
  let requests: { readonly message: IncomingMessage; readonly body: string }[]
  let notices: Notice[]
  beforeEach(async () => {
    requests = []
    notices = []
    answer = () => ({ status: 202 })
    stopping = new AbortController()
    server = createServer((message, response) => {
      void text(message).then((body) => {
        const { status, headers = {} } = answer()
        if (status === 202) requests.push({ message, body })
        response.writeHead(status, headers).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    endpoint = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/hook?secret=canary`
  })
  afterEach(() => {
    stopping.abort()
    server.closeAllConnections()
    server.close()
  })

  const sender = (more: Partial<CloudEventSettings> = {}, figures = new Registry()) =>
    createCloudEventSender({
      settings: () => ({ endpoint, mode: 'binary', names: 'seeds', ...more }),
      notify: (notice) => notices.push(notice),
      figures,
      log: pino({ level: 'silent' }),
      signal: stopping.signal,
    })

  const received = (): readonly CloudEventV1<CloudEventData>[] =>
    requests.map(
      ({ message, body }) =>
        HTTP.toEvent({ headers: message.headers, body }) as CloudEventV1<CloudEventData>,
    )

  test('has all that CDEvents says of a transition, in order, and nothing that it has no word for', async () => {
    const failed: Partial<Transition> = {
      phase: { ...deploy, name: 'AppPreDeployTasks', state: 'Errored' },
      subject: { ...transition('shop-1').subject, kind: 'KeptnAppVersion' },
    }
    let isFirst = true
    answer = () => {
      const status = isFirst ? 400 : 202
      isFirst = false
      return { status }
    }
    sender({ names: 'cdevents' })([
      transition('shop-0', 'CreateTask'),
      transition('shop-1', 'AppPreDeployTasksErrored', failed),
      transition('shop-1', 'AppPreDeployTasksErrored', { ...failed, id: 'again' }),
    ])
    await eventually(() => {
      expect(received().map(({ type }) => type.split('.').slice(2, 4))).toEqual([
        // The first was refused, and the second was sent all the same.
        ['pipelinerun', 'finished'],
        ['taskrun', 'finished'],
        ['pipelinerun', 'finished'],
      ])
    })
  })

  test.each(['binary', 'structured'] as const)('reads what is sent as %s', async (mode) => {
    const told = transition('shop-cart-2.0', undefined, { message: 'größer – besser' })
    sender({ mode })([told])
    await eventually(() => {
      expect(requests).toHaveLength(1)
    })
    const [event] = received()
    expect({ ...event, data: event?.data }).toMatchObject({ ...cloudEventOf(told, 'seeds') })
    expect(requests[0]?.message.headers['content-type']).toContain(
      mode === 'binary' ? 'application/json' : 'application/cloudevents+json',
    )
  })

  test('is shown the token that a Secret holds, and nobody else is', async () => {
    sender({ token: () => Promise.resolve('canary-token') })([transition('a')])
    await eventually(() => {
      expect(requests[0]?.message.headers.authorization).toBe('Bearer canary-token')
    })
    answer = () => ({ status: 307, headers: { location: endpoint } })
    sender({ token: () => Promise.resolve('canary-token') })([transition('b')])
    await eventually(() => {
      expect(notices).toHaveLength(1)
    })
    expect(requests).toHaveLength(1)
    expect(JSON.stringify(notices)).toContain('HTTP status 307')
    expect(JSON.stringify(notices)).not.toContain('canary')
  })

  test('that was away has every event once, and it is said that it was', async () => {
    answer = () => ({ status: 503, headers: { 'retry-after': '0.05' } })
    const figures = new Registry()
    const send = sender({}, figures)
    const all = [1, 2, 3].flatMap((step) =>
      ['a', 'b'].map((name) => transition(name, `Step${String(step)}`)),
    )
    send(all)
    await eventually(() => {
      expect(notices.map(({ reason }) => reason)).toEqual(['CloudEventsUndelivered'])
    })
    expect(notices[0]?.message).toContain('HTTP status 503')
    answer = () => ({ status: 202 })
    await eventually(() => {
      expect(requests).toHaveLength(6)
    })
    expect(notices.at(-1)?.reason).toBe('CloudEventsDelivered')
    for (const name of ['a', 'b']) {
      const types = received().filter(({ subject }) => subject?.endsWith(`/${name}`))
      expect(types.map(({ type }) => type)).toEqual([
        'sh.keptn.Step1',
        'sh.keptn.Step2',
        'sh.keptn.Step3',
      ])
    }
    await eventually(async () => {
      expect(await figures.metrics()).toContain(
        'gatekept_cloud_events_total{outcome="delivered"} 6',
      )
    })
  })

  test('that is no URL is told of, and nothing throws', async () => {
    sender({ endpoint: 'events.example.com' })([transition('a')])
    await eventually(() => {
      expect(notices[0]?.message).toContain('no URL of http or https')
    })
  })
})
