/**
 * The ways in which an image reaches a cluster that has no registry to pull it from, or has one.
 *
 * @module
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { findCommand, thisMachine } from '../test/cluster/machine.ts'
import { ClusterError, run } from '../test/cluster/run.ts'
import { requireProgram } from './debian.ts'
import type { Image } from './image.ts'

/** Brings an image to the cluster's nodes; answers the name under which pods find it there. */
export type Deliver = (image: Image) => Promise<string>

/** Where the images go: exactly one of the three. */
export interface Destination {
  readonly containerd?: string
  readonly kind?: string
  readonly registry?: string
}

const isSocket = (file: string): boolean => existsSync(file) && statSync(file).isSocket()

/** Imports images into the containerd that a one-node cluster runs on, unless they are there already. */
export const toContainerd = (socket: string, ctr = 'ctr'): Deliver => {
  const images = [ctr, '--address', socket, '--namespace', 'k8s.io', 'images'] as const
  return async ({ reference, archive }) => {
    const there = await run([...images, 'ls', '-q', `name==${reference}`])
    if (there.trim() !== reference) await run([...images, 'import', archive])
    return reference
  }
}

/** Loads images into the nodes of a kind cluster. */
export const toKind = (name: string): Deliver => {
  return async ({ reference, archive }) => {
    await run(['kind', 'load', 'image-archive', '--name', name, archive], { timeoutMs: 300_000 })
    return reference
  }
}

const isOnThisMachine = (registry: string): boolean =>
  /^(localhost|127(\.\d+){3}|\[::1\])(:|\/|$)/.test(registry)

/** Pushes images to a registry with skopeo, whose own login is used (`skopeo login`). */
export const toRegistry = (registry: string, skopeo = 'skopeo'): Deliver => {
  const prefix = registry.replace(/\/+$/, '')
  return async ({ reference, archive }) => {
    const pushed = `${prefix}/${reference.slice(reference.indexOf('/') + 1)}`
    // Container engines, too, speak plain HTTP to a registry on the same machine.
    const tls = isOnThisMachine(prefix) ? ['--dest-tls-verify=false'] : []
    await run(
      [
        skopeo,
        'copy',
        '--insecure-policy',
        '--retry-times=2',
        ...tls,
        `oci-archive:${archive}`,
        `docker://${pushed}`,
      ],
      { timeoutMs: 600_000 },
    )
    return pushed
  }
}

const howTo =
  'say how images get to the cluster: --containerd SOCKET (a cluster of "npm run cluster"), ' +
  '--kind NAME, or --registry HOST/PATH'

/** Where the user says that containerd's client is, or the one that belongs to our own clusters. */
const findCtr = (binaries: string): string => {
  const own = join(binaries, 'ctr')
  const found = existsSync(own) ? own : findCommand('ctr', thisMachine().path)
  if (found === undefined) {
    throw new ClusterError(
      'Cannot find "ctr", the client of containerd: install containerd\'s client, or make the ' +
        'cluster with "npm run cluster", which builds one',
    )
  }
  return found
}

const needKind = (): void => {
  if (findCommand('kind', thisMachine().path) === undefined) {
    throw new ClusterError('Cannot find "kind": put it on the PATH (https://kind.sigs.k8s.io)')
  }
}

/** The way to a destination. Throws, saying what to do, if it isn't named, or a program or socket isn't there. */
export const deliveryTo = async (
  destination: Destination,
  options: { readonly binaries: string; readonly note: (text: string) => void },
): Promise<Deliver> => {
  const named = Object.values(destination).filter((value) => value !== undefined)
  if (named.length !== 1) throw new ClusterError(`Cannot deliver the images: ${howTo}`)
  const { containerd, kind, registry } = destination
  if (containerd !== undefined) {
    if (!isSocket(containerd)) {
      throw new ClusterError(`Cannot deliver the images: "${containerd}" is not a socket`)
    }
    return toContainerd(containerd, findCtr(options.binaries))
  }
  if (kind !== undefined) {
    needKind()
    return toKind(kind)
  }
  return toRegistry(registry ?? '', await requireProgram('skopeo', 'skopeo', options.note))
}
