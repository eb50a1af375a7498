/**
 * A cluster with Gatekept, speaking of events as Keptn does, for the scenarios of one file; and how they look at it.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from '@jest/globals'
import { Event, Pod } from '../../../api/kubernetes.ts'
import type { KubeObject, ResourceType } from '../../../api/object.ts'
import { eventually } from '../../eventually.ts'
import { install, type Installation } from '../installation.ts'
import { yaml } from '../world.ts'
import type { Manifest } from './objects.ts'

/** A cluster that scenarios share, each in namespaces of its own. */
export interface World extends Installation {
  /** Applies objects, as a user does. */
  readonly write: (...objects: readonly Manifest[]) => Promise<void>
  /** Makes these the settings in force, instead of those before. */
  readonly settings: (spec?: object) => Promise<void>
}

/** Starts it; the settings are the defaults but for the names of events. */
export const startWorld = async (name: string): Promise<World> => {
  const installation = await install(name)
  const write = (...objects: readonly Manifest[]) => installation.apply(yaml(...objects))
  const settings = (spec: object = {}) =>
    write({
      apiVersion: 'options.keptn.sh/v1alpha1',
      kind: 'KeptnConfig',
      metadata: { name: 'settings', namespace: 'keptn-system' },
      spec: { eventNames: 'keptn', ...spec },
    })
  try {
    await settings()
  } catch (error) {
    await installation.down()
    throw error
  }
  return { ...installation, write, settings }
}

const patience = { timeoutMs: 60_000, everyMs: 200 } as const

interface WithStatus extends KubeObject {
  readonly status?: unknown
}

/** Looks at one namespace. */
export const lookInto = ({ client }: World, namespace: string) => {
  const list = async <T extends KubeObject>(type: ResourceType<T>): Promise<readonly T[]> =>
    (await client.list(type, { namespace })).items
  const find = <T extends KubeObject>(
    type: ResourceType<T>,
    name: string,
  ): Promise<T | undefined> => client.get(type, { namespace, name })
  const get = async <T extends KubeObject>(type: ResourceType<T>, name: string): Promise<T> => {
    const found = await find(type, name)
    if (found === undefined) throw new Error(`There is no ${type.kind} "${name}" yet`)
    return found
  }
  return {
    list,
    find,
    get,
    /** Waits until the object is there and its status has these fields. */
    comesTo: <T extends WithStatus>(
      type: ResourceType<T>,
      name: string,
      status: object,
    ): Promise<T> =>
      eventually(async () => {
        const object = await get(type, name)
        expect(object.status).toMatchObject(status)
        return object
      }, patience),
    names: async (type: ResourceType<KubeObject>): Promise<readonly string[]> =>
      (await list(type)).map(({ metadata }) => metadata.name).toSorted(),
    /** The pods of a workload that are to stay. */
    pods: async (app = 'waiter'): Promise<readonly Pod[]> =>
      (await client.list(Pod, { namespace, labelSelector: `app=${app}` })).items.filter(
        ({ metadata }) => metadata.deletionTimestamp === undefined,
      ),
    /** The reasons of the events about an object, once this one is among them. */
    reasons: (object: KubeObject, reason: string): Promise<readonly string[]> =>
      eventually(async () => {
        const about = (await list(Event)).filter(
          ({ regarding }) => regarding['uid'] === object.metadata.uid,
        )
        const reasons = about.map((event) => event.reason)
        expect(reasons).toContain(reason)
        return reasons
      }, patience),
  }
}

/** Waits until something holds. */
export const until = <T>(check: () => Promise<T>): Promise<T> => eventually(check, patience)

/** Something that answers like Prometheus, and whatever it is asked: 5. */
export const startMetricSource = async (
  host: string,
): Promise<{ readonly url: string; readonly close: () => void }> => {
  const server = createServer((_, response) => {
    const value = [Date.now() / 1000, '5']
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        status: 'success',
        data: { resultType: 'vector', result: [{ metric: {}, value }] },
      }),
    )
  })
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://${host}:${port}`, close: () => server.close() }
}
