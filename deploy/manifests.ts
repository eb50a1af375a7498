/**
 * Reads manifests as they lie in this checkout, and fills in which images to use.
 *
 * @module
 */
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'

/** Any object as a manifest holds it. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

/** The objects in a text with any number of YAML documents. `from`: where it comes from, for errors. */
export const parseManifests = (text: string, from: string): readonly Manifest[] =>
  parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors
    if (error !== undefined) throw new Error(`Cannot read "${from}": ${error.message}`)
    const value = document.toJS() as Manifest | null
    return value === null ? [] : [value]
  })

/** The objects of a file with any number of YAML documents. */
export const readManifests = async (file: string): Promise<readonly Manifest[]> =>
  parseManifests(await readFile(file, 'utf8'), file)

const kustomizationNames = ['kustomization.yaml', 'Kustomization'] as const

/** All objects that a kustomization's `resources` name, in that order. Its transformers and patches are not applied. */
export const readKustomization = async (folder: string): Promise<readonly Manifest[]> => {
  const file = kustomizationNames
    .map((name) => join(folder, name))
    .find((candidate) => existsSync(candidate))
  if (file === undefined) throw new Error(`Cannot find a kustomization in "${folder}"`)
  const { resources } = parse(await readFile(file, 'utf8')) as { resources: readonly string[] }
  const read = (resource: string): Promise<readonly Manifest[]> => {
    const path = join(folder, resource)
    return statSync(path).isDirectory() ? readKustomization(path) : readManifests(path)
  }
  return (await Promise.all(resources.map(read))).flat()
}

/**
 * The same manifest with some strings replaced by others, wherever one stands alone as a value of `image` or of a
 * variable of the environment.
 */
export const withImages = <T>(manifest: T, images: Readonly<Record<string, string>>): T => {
  const isPlace = (key: string): boolean => key === 'image' || key === 'value'
  return JSON.parse(
    JSON.stringify(manifest, (key, value: unknown) =>
      isPlace(key) && typeof value === 'string' ? (images[value] ?? value) : value,
    ),
  ) as T
}
