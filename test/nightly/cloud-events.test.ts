/**
 * A receiver of CloudEvents is down for two minutes while versions go through their phases: afterwards it has every event
 * once, and those of each version in the order in which they were told.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from '@jest/globals'
import { HTTP, type CloudEventV1 } from 'cloudevents'
import { pino } from 'pino'
import type { Transition } from '../../kube/decision.ts'
import {
  createCloudEventSender,
  type CloudEventSettings,
  type Notice,
} from '../../telemetry/cloud-events/index.ts'
import { eventually } from '../eventually.ts'

const versions = 20
const steps = 30
const downMs = 120_000

const transition = (version: number, step: number): Transition => ({
  id: `uid-${String(version)}/step-${String(step)}`,
  subject: {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnWorkloadVersion',
    namespace: 'shop',
    name: `cart-${String(version)}`,
    uid: `uid-${String(version)}`,
  },
  reason: `Step${String(step)}`,
  severity: 'Normal',
  message: 'A step',
  at: new Date(),
})

const stopping = new AbortController()
let server: Server | undefined

afterAll(() => {
  stopping.abort()
  server?.closeAllConnections()
  server?.close()
})

const listen = async (port: number, hear: (message: IncomingMessage, body: string) => void) => {
  const listening = createServer((message, response) => {
    void text(message).then((body) => {
      hear(message, body)
      response.writeHead(202).end()
    })
  })
  await new Promise<void>((resolve) => listening.listen(port, '127.0.0.1', resolve))
  return listening
}

test('down for two minutes: it has every event once, in order', async () => {
  const heard: CloudEventV1<unknown>[] = []
  const notices: Notice[] = []
  const hear = ({ headers }: IncomingMessage, body: string): void => {
    heard.push(HTTP.toEvent({ headers, body }) as CloudEventV1<unknown>)
  }
  server = await listen(0, hear)
  const { port } = server.address() as AddressInfo
  const settings: CloudEventSettings = {
    ...{ endpoint: `http://127.0.0.1:${String(port)}/`, mode: 'binary' },
    names: 'seeds',
  }
  const send = createCloudEventSender({
    settings: () => settings,
    notify: (notice) => notices.push(notice),
    log: pino({ level: 'silent' }),
    signal: stopping.signal,
  })
  const tell = (step: number): void => {
    send(Array.from({ length: versions }, (_, version) => transition(version, step)))
  }

  tell(0)
  await eventually(() => {
    expect(heard).toHaveLength(versions)
  })
  server.closeAllConnections()
  await new Promise((resolve) => server?.close(resolve))
  // Told while it is down, from its first second to its last.
  for (let step = 1; step < steps; step += 1) {
    tell(step)
    await sleep(downMs / (steps - 1))
  }
  expect(heard).toHaveLength(versions)

  server = await listen(port, hear)
  await eventually(
    () => {
      expect(heard.length).toBeGreaterThanOrEqual(versions * steps)
    },
    { timeoutMs: 90_000 },
  )
  await sleep(2_000)
  const wanted = Array.from({ length: steps }, (_, step) => `sh.keptn.Step${String(step)}`)
  for (let version = 0; version < versions; version += 1) {
    const subject = `KeptnWorkloadVersion/shop/cart-${String(version)}`
    const own = heard.filter((event) => event.subject === subject)
    expect(own.map(({ type }) => type)).toEqual(wanted)
    expect(new Set(own.map(({ id }) => id)).size).toBe(steps)
  }
  expect(notices.map(({ reason }) => reason)).toEqual([
    'CloudEventsUndelivered',
    'CloudEventsDelivered',
  ])
}, 300_000)
