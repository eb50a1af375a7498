/**
 * A version where nobody gave one. It comes from the pod template of the owner and never from a pod,
 * to which injectors may have added containers.
 *
 * @module
 */
import type { PodTemplate } from '../api/kubernetes.ts'

/** An image reference in its parts. */
export interface ImageReference {
  readonly repository: string
  readonly tag?: string
  readonly digest?: string
}

// https://github.com/distribution/reference: a tag has up to 128 characters, a digest at least 32 hex digits.
const legalTag = /^\w[\w.-]{0,127}$/
const legalDigest = /^[a-z][a-z0-9]*(?:[.+_-][a-z][a-z0-9]*)*:([0-9a-f]{32,})$/i

/** Takes an image reference apart. The port of a registry is not a tag; what is not legal is left out. */
export const parseImage = (image: string): ImageReference => {
  const at = image.indexOf('@')
  const named = at < 0 ? image : image.slice(0, at)
  const digest = at < 0 ? '' : image.slice(at + 1)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const tag = colon < 0 ? '' : named.slice(colon + 1)
  return {
    repository: colon < 0 ? named : named.slice(0, colon),
    ...(legalTag.test(tag) && { tag }),
    ...(legalDigest.test(digest) && { digest }),
  }
}

/**
 * The version that an image reference names: its tag, else the start of its digest.
 * `undefined` where it names none: without either, and `latest`, which is a different image each day.
 */
export const versionOfImage = (image: string): string | undefined => {
  const { tag, digest } = parseImage(image)
  if (tag !== undefined && tag !== 'latest') return tag
  return digest?.slice(digest.indexOf(':') + 1).slice(0, 12)
}

/**
 * The version of a template: that of the only container's image, or of the container asked for; else a hash of all.
 * A container that isn't there gives the hash too: a slip in a name must not leave a version without one.
 */
export const versionOfTemplate = (template: PodTemplate, container?: string): string => {
  const { containers } = template.spec
  const only = containers.length === 1 ? containers[0] : undefined
  const chosen = container === undefined ? only : containers.find(({ name }) => name === container)
  return versionOfImage(chosen?.image ?? '') ?? hashOfTemplate(template)
}

/** Keptn's hash of a template, in decimal: FNV-1a over names, images and literal environment of its containers. */
export const hashOfTemplate = (template: PodTemplate): string =>
  fnv1a(
    template.spec.containers
      .map(
        ({ name, image, env }) =>
          `${name}${image ?? ''}${(env ?? []).map((each) => `${each.name}${each.value ?? ''}`).join('')}`,
      )
      .join(''),
  ).toString()

// http://www.isthe.com/chongo/tech/comp/fnv/
const fnv1a = (text: string): number => {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
