/**
 * The webhook while its replicas come and go, and while its certificates are replaced: the same small in `npm test`
 * and large at night.
 *
 * @module
 */
import { expect } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Pod, ReplicaSet } from '../../../api/kubernetes.ts'
import { ownedBy } from '../../../api/object.ts'
import { gateName, keys } from '../../../identity/keys.ts'
import { eventually } from '../../eventually.ts'
import { createPods, type FailedCall, type Outcome } from './load.ts'
import type { Outage, Replica, Service } from './service.ts'

const namespace = 'shop'
const perSecond = 200

/** Makes a managed namespace with an owner of pods, and nobody else who looks at its pods. */
export const prepare = async ({ cluster, client }: Service): Promise<ReplicaSet> => {
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { [keys.optIn]: 'enabled' } },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'web', namespace, annotations: { [keys.workload]: 'web' } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', image: 'web:2.7' }] },
        },
      },
    },
  ]
  for (const object of objects) {
    await cluster.kubectl(['create', '-f', '-'], JSON.stringify(object))
  }
  await eventually(() => cluster.kubectl(['get', 'serviceaccount', 'default', '-n', namespace]))
  // The pods are made here, in the place of their owner.
  await cluster.kill('controller-manager')
  await cluster.kill('scheduler')
  const owner = await client.get(ReplicaSet, { namespace, name: 'web' })
  if (owner === undefined) throw new Error('there is no ReplicaSet')
  return owner
}

/** Pods of an owner: every other one says who it is, and for the rest the owner is read. */
const podsOf = (owner: ReplicaSet) => (name: string, index: number) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name, namespace, labels: { app: 'web' }, ownerReferences: [ownedBy(owner)] },
      ...(index % 2 === 0 && { annotations: { [keys.workload]: 'web', [keys.version]: '1' } }),
    },
    spec: { containers: [{ name: 'web', image: 'web:2.7' }] },
  })

/** What happened while replicas were replaced and killed. */
export interface Restarts extends Outcome {
  readonly graceful: number
  readonly kills: number
  /** Calls that were under way when a replica died, and failed. */
  readonly inFlight: readonly FailedCall[]
  /** Calls that the API server sent to a killed replica before it was told that this is no endpoint any more. */
  readonly refused: readonly FailedCall[]
  /** Failed calls that no kill explains. */
  readonly unexplained: readonly FailedCall[]
  /** The most calls that were under way at any of the kills, and failed. */
  readonly mostInFlight: number
}

// The API server learns of endpoints by a watch.
const learnsMs = 500

/**
 * Creates pods while one replica is replaced, as a rolling update does it, and the other one killed; then the same with
 * their roles changed, until there are this many pods.
 */
export const throughRestarts = async (
  service: Service,
  owner: ReplicaSet,
  replicas: [Replica, Replica],
  least: number,
): Promise<Restarts> => {
  const pod = podsOf(owner)
  const outages: Outage[] = []
  let isEnough = false
  let isOver = false
  const rounds = async (): Promise<void> => {
    do {
      const [first, second] = replicas
      const next = await service.addReplica()
      await first.endGracefully()
      outages.push(await second.crash())
      replicas.splice(0, 2, second, next)
    } while (!isEnough)
  }
  const ended = rounds().finally(() => (isOver = true))
  const outcome = await createPods(service.cluster, {
    namespace,
    perSecond,
    pod: (index) => pod(`restart-${index}`, index),
    isEnough: (count) => {
      isEnough = count >= least
      return isOver
    },
  })
  await ended
  const {
    inFlight = [],
    refused = [],
    unexplained = [],
  } = Object.groupBy(outcome.failed, (call) => explanationOf(call, outages))
  return {
    ...outcome,
    ...{ graceful: outages.length, kills: outages.length },
    ...{ inFlight, refused, unexplained },
    mostInFlight: Math.max(
      ...outages.map(
        ({ killedAt, diedAt }) =>
          inFlight.filter((call) => call.startedAt <= diedAt && killedAt <= call.endedAt).length,
      ),
    ),
  }
}

const explanationOf = (
  { startedAt, endedAt, message }: FailedCall,
  outages: readonly Outage[],
): 'inFlight' | 'refused' | 'unexplained' => {
  const outage = outages.find(
    ({ killedAt, toldAt }) => startedAt <= toldAt + learnsMs && killedAt <= endedAt,
  )
  if (outage === undefined) return 'unexplained'
  if (startedAt <= outage.diedAt) return 'inFlight'
  return message.includes('connection refused') ? 'refused' : 'unexplained'
}

/** Whether each pod that was created is there, and held. */
export const expectHeld = async ({ client }: Service, count: number): Promise<void> => {
  let next: string | undefined
  let found = 0
  do {
    const page = await client.list(Pod, {
      ...{ namespace, limit: 500 },
      ...(next !== undefined && { continue: next }),
    })
    for (const { spec, metadata } of page.items) {
      expect(spec.schedulingGates).toEqual([{ name: gateName }])
      expect(metadata.labels?.[keys.gated]).toBe('true')
    }
    found += page.items.length
    next = page.continue
  } while (next !== undefined)
  expect(found).toBe(count)
}

/** What a new authority, or a new server certificate alone, may come of. */
const causes: readonly ((service: Service) => Promise<void>)[] = [
  (service) => service.changeSecret({ 'ca.key': 'garbage' }),
  (service) => service.changeSecret({ 'tls.key': 'garbage' }),
  (service) => service.deleteSecret(),
  (service) => service.changeSecret({ 'tls.crt': 'garbage', 'tls.key': 'garbage' }),
]

/**
 * Asks about pods, which are not stored, while certificates are replaced this many times, authority and server or server
 * alone in turn. Each replica gets them at another moment, one even before the API server knows their authority.
 */
export const throughRotations = async (
  service: Service,
  owner: ReplicaSet,
  replicas: readonly Replica[],
  { rotations, least }: { readonly rotations: number; readonly least: number },
): Promise<Outcome & { readonly authorities: number }> => {
  const pod = podsOf(owner)
  const authorities = new Set<string>()
  const rotateAll = async (): Promise<void> => {
    for (let index = 0; index < rotations; index++) {
      const contents = await rotate(service, replicas, index)
      authorities.add(contents['ca.crt'] ?? '')
    }
  }
  let isOver = false
  const ended = rotateAll().finally(() => (isOver = true))
  const outcome = await createPods(service.cluster, {
    namespace,
    perSecond,
    dryRun: true,
    pod: (index) => pod(`rotation-${index}`, index),
    isEnough: (count) => isOver && count >= least,
  })
  await ended
  return { ...outcome, authorities: authorities.size }
}

const rotate = async (
  service: Service,
  replicas: readonly Replica[],
  index: number,
): Promise<Readonly<Record<string, string>>> => {
  const before = (await service.contents())?.['tls.crt']
  await causes[index % causes.length]?.(service)
  const mended = eventually(async () => {
    const contents = await service.contents()
    const { 'tls.crt': cert, 'tls.key': key } = contents ?? {}
    if (contents === undefined || cert === before || !isPem(cert) || !isPem(key)) {
      throw new Error('the Secret is not in order yet')
    }
    return contents
  })
  const deliver = async (replica: Replica, place: number): Promise<void> => {
    const contents = await mended
    await pause(place * (50 + (index % 7) * 50))
    await replica.mount(contents)
    const { fingerprint256 } = new X509Certificate(contents['tls.crt'] ?? '')
    await eventually(async () => expect(await replica.serves()).toBe(fingerprint256))
  }
  await Promise.all([service.ensureCertificates(), ...replicas.map(deliver)])
  return mended
}

const isPem = (text: string | undefined): boolean => text?.startsWith('-----BEGIN') ?? false
