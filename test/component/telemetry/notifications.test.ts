/**
 * What people have read in the end whose sender died after it had claimed what it was to send: a real API server, the engine
 * with the rights that the chart gives it, and others after it.
 */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { KeptnApp, KeptnConfig } from '../../../api/index.ts'
import { ConfigMap, Event, Namespace, Secret } from '../../../api/kubernetes.ts'
import { startLifecycle } from '../../../controller/lifecycle.ts'
import { readSettings } from '../../../controller/settings.ts'
import { systemNamespace } from '../../../deploy/chart.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { eventually } from '../../eventually.ts'
import { applyCrds } from '../../kinds.ts'
import { clientAs, installRights } from '../account.ts'

const log = pino({ level: 'silent' })
const patient = { timeoutMs: 60_000 }
const recordName = 'gatekept-notifications'
const record = { namespace: systemNamespace, name: recordName }

let cluster: Cluster
let client: Client
let chat: Server
interface Posted {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}
const posted: Posted[] = []

beforeAll(async () => {
  cluster = await startCluster({ name: 'notifications', node: false, network: 'own' })
  client = createClient(adminOf(cluster))
  await applyCrds(cluster)
  await installRights(cluster)
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  })
  chat = createServer((message, response) => {
    const { url = '', headers } = message
    void text(message).then((body) => {
      posted.push({ url, headers, body: JSON.parse(body) })
      response.writeHead(url.startsWith('/gone') ? 404 : 200).end()
    })
  })
  await new Promise<void>((resolve) => chat.listen(0, '127.0.0.1', resolve))
}, 600_000)
afterAll(async () => {
  for (const stop of stops) await stop()
  chat.closeAllConnections()
  chat.close()
  await client.close()
  await cluster.down()
})

const stops = new Set<() => Promise<void>>()

/** Ends with the signal, and never before. */
const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('Dead')), { once: true })
  })

/** A client whose user is dead as soon as it has claimed something: the write is carried out, and nothing follows. */
const dyingAtClaim = (own: Client, signal: AbortSignal): Client => ({
  ...own,
  patch: async (type, patch, options) => {
    const patched = await own.patch(type, patch, options)
    return patch.name === recordName ? never(signal) : patched
  },
})

/** An engine, under a name of its own for the lease. */
const startEngine = async (
  name: string,
  { diesAtClaim = false } = {},
): Promise<() => Promise<void>> => {
  const own = await clientAs(cluster, 'lifecycle-operator')
  const ending = new AbortController()
  const { signal } = ending
  const settings = readSettings(['--parts', 'lifecycle,gate'], {
    ...{ POD_NAME: name, POD_NAMESPACE: systemNamespace },
    ...{ FUNCTION_RUNNER_IMAGE: 'example.org/deno', PYTHON_RUNNER_IMAGE: 'example.org/python' },
  })
  const used = diesAtClaim ? dyingAtClaim(own, signal) : own
  const { ended } = startLifecycle({ client: used, settings, log, signal })
  const stop = async (): Promise<void> => {
    stops.delete(stop)
    ending.abort()
    await ended
    await own.close()
  }
  stops.add(stop)
  return stop
}

const deployApp = async (name: string): Promise<void> => {
  await client.create(KeptnApp, {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnApp',
    metadata: { namespace: 'shop', name },
    spec: { version: '1.0', workloads: [{ name: 'web', version: '1' }] },
  } as never)
}

const claims = async (): Promise<string> =>
  (await client.get(ConfigMap, record))?.data?.['progress'] ?? ''

const bodiesAt = (path: string): readonly unknown[] =>
  posted.filter(({ url }) => url === path).map(({ body }) => body)

const slackSays = (app: string): object => ({ text: `▶️ ${app} 1.0 &lt;AppDeploy&gt;` })

const teamsSays = (app: string): object => ({
  type: 'message',
  attachments: [
    {
      contentType: 'application/vnd.microsoft.card.adaptive',
      content: {
        $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
        type: 'AdaptiveCard',
        version: '1.4',
        body: [
          {
            type: 'RichTextBlock',
            inlines: [{ type: 'TextRun', text: `▶️ ${app} 1.0 in shop` }],
          },
        ],
      },
    },
  ],
})

const hookSays = (app: string): object =>
  expect.objectContaining({
    text: `${app} Started`,
    reason: 'AppDeployStarted',
    kind: 'KeptnAppVersion',
  })

const untilAllHave = (...apps: readonly string[]): Promise<void> =>
  eventually(() => {
    expect(bodiesAt('/canary/slack')).toEqual(apps.map(slackSays))
    expect(bodiesAt('/canary/teams')).toEqual(apps.map(teamsSays))
    expect(bodiesAt('/canary/hook')).toEqual(apps.map(hookSays))
    expect(bodiesAt('/gone/canary')).toHaveLength(apps.length)
  }, patient)

test('each has each notification once, but for those whose sender died with them', async () => {
  const base = `http://127.0.0.1:${String((chat.address() as AddressInfo).port)}`
  const encoded = (value: string): string => Buffer.from(value).toString('base64')
  await client.create(Secret, {
    ...{ apiVersion: 'v1', kind: 'Secret' },
    metadata: { namespace: systemNamespace, name: 'chat' },
    data: {
      slack: encoded(`${base}/canary/slack`),
      teams: encoded(`${base}/canary/teams`),
      gone: encoded(`${base}/gone/canary`),
      token: encoded('canary'),
    },
  })
  const filter = { namespaces: ['sh*'], phases: ['AppDeploy'], outcomes: ['Started'] }
  const secret = (key: string) => ({ name: 'chat', key })
  await client.create(KeptnConfig, {
    apiVersion: 'options.keptn.sh/v1alpha1',
    kind: 'KeptnConfig',
    metadata: { namespace: systemNamespace, name: 'keptn-config' },
    spec: {
      notifications: [
        {
          ...{ name: 'slack', type: 'slack', urlSecretRef: secret('slack'), filter },
          template: '{{mark}} {{appName}} {{appVersion}} &lt;{{phase}}&gt;',
        },
        {
          ...{ name: 'teams', type: 'teams', urlSecretRef: secret('teams'), filter },
          template: '{{mark}} {{appName}} {{appVersion}} in {{namespace}}',
        },
        {
          ...{ name: 'hook', type: 'webhook', url: `${base}/canary/hook`, filter },
          tokenSecretRef: secret('token'),
          template: '{{appName}} {{outcome}}',
        },
        { name: 'gone', type: 'slack', urlSecretRef: secret('gone'), filter },
        { name: 'elsewhere', type: 'webhook', url: `${base}/elsewhere`, filter: { apps: ['x'] } },
      ],
    },
  } as never)
  const stopFirst = await startEngine('first')
  await eventually(async () => {
    expect(await claims()).toContain('since')
  }, patient)
  await deployApp('one')
  await untilAllHave('one')
  await eventually(async () => {
    const { items } = await client.list(Event, { namespace: systemNamespace })
    expect(items.map(({ reason }) => reason)).toContain('NotificationsUndelivered')
  }, patient)
  await stopFirst()

  const before = await claims()
  const kill = await startEngine('second', { diesAtClaim: true })
  await deployApp('two')
  await eventually(async () => {
    expect(await claims()).not.toBe(before)
  }, patient)
  await kill()
  await untilAllHave('one')

  const stopThird = await startEngine('third')
  await deployApp('three')
  await untilAllHave('one', 'three')
  await stopThird()

  expect(bodiesAt('/elsewhere')).toEqual([])
  const authorizations = posted
    .filter(({ url }) => url === '/canary/hook')
    .map(({ headers }) => headers.authorization)
  expect(new Set(authorizations)).toEqual(new Set(['Bearer canary']))
  const { items } = await client.list(Event, { namespace: systemNamespace })
  expect(JSON.stringify(items)).not.toContain('canary')
  expect(await claims()).not.toContain('canary')
}, 240_000)
