/**
 * Pods as anybody might make them, as the same sequence for the same seed.
 *
 * @module
 */
import { gateName, keys } from '../../../identity/keys.ts'

/** The released list that these pods know of. */
export const releasedList = 'v1 rs-passed set-passed/7d8f rs-other'

const uids = ['rs-1', 'rs-passed', 'set-passed', 'v1', 'rs-passed rs-other', 'RS-PASSED', 'rs-pass']
const apiVersions = ['apps/v1', 'apps/v1beta1', 'batch/v1', 'apps.example.org/v1', 'v1', 'appsx/v1']
const kinds = ['ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job', 'Deployment', 'replicaset', 'Node']
const hashes = ['7d8f', '', '7d8g', 'rs-other']
const maps = [
  {},
  { [keys.workload]: 'web', [keys.version]: '1' },
  { [keys.recommendedName]: 'web' },
  { [keys.workload]: '' },
  { [keys.gateRemoved]: 'true' },
  { [keys.released]: releasedList },
]

/** Numbers that look random; equal seeds give equal ones. https://en.wikipedia.org/wiki/Linear_congruential_generator */
const numbers = (seed: number): ((below: number) => number) => {
  let state = seed
  return (below) => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return Math.floor((state / 4_294_967_296) * below)
  }
}

/** As many pods as asked for, no two of the same name. */
export const somePods = (count: number, seed: number) => {
  const next = numbers(seed)
  const pick = <T>(items: readonly T[]): T => items[next(items.length)] as T
  const maybe = (parts: number): boolean => next(parts) === 0
  const owner = (controls: boolean | undefined) => ({
    apiVersion: maybe(3) ? pick(apiVersions) : 'apps/v1',
    kind: maybe(3) ? pick(kinds) : pick(kinds.slice(0, 3)),
    name: 'owner',
    uid: pick(uids),
    ...(controls === undefined ? {} : { controller: controls }),
  })
  const owners = () => {
    const first = owner(maybe(6) ? pick([false, undefined]) : true)
    return maybe(5) ? [owner(pick([false, undefined])), first] : [first]
  }
  const gatesOf = (isPlaced: boolean) =>
    // A pod with both is none to the API server, nor is a copy of a static pod that has no node.
    isPlaced
      ? []
      : [
          ...(maybe(6) ? [{ name: 'example.org/other' }] : []),
          ...(maybe(10) ? [{ name: gateName }] : []),
        ]
  const labels = () => ({
    ...pick(maps.slice(0, 4)),
    ...(maybe(2) ? { [keys.controllerRevisionHash]: pick(hashes) } : {}),
    ...(maybe(10) ? { [keys.gated]: pick(['true', 'false']) } : {}),
  })
  return Array.from({ length: count }, (_, index) => {
    const isPlaced = maybe(10)
    const gates = gatesOf(isPlaced)
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `pod-${index}`,
        labels: labels(),
        annotations: { ...pick(maps), ...(isPlaced && maybe(3) ? { [keys.mirror]: 'x' } : {}) },
        ...(maybe(12) ? {} : { ownerReferences: owners() }),
      },
      spec: {
        containers: [{ name: 'main', image: 'example.org/web:1' }],
        ...(gates.length === 0 ? {} : { schedulingGates: gates }),
        ...(isPlaced ? { nodeName: 'node-1' } : {}),
      },
    }
  })
}

export type SomePod = ReturnType<typeof somePods>[number]
