/**
 * Applies manifests/examples/simplenode-dev as it lies there, but for the image of its server, the address of Slack, and a
 * version of its own in each run.
 *
 * @module
 */
import { join } from 'node:path'
import { readKustomization, withImages } from '../deploy/manifests.ts'
import type { Manifest } from '../deploy/manifests.ts'
import type { Objects } from '../deploy/objects.ts'
import { root } from '../deploy/paths.ts'
import { keys } from '../identity/keys.ts'

/** The example's namespace. */
export const exampleNamespace = 'simplenode-dev'

const folder = join(root, 'manifests', 'examples', 'simplenode-dev')

interface WithTemplate extends Manifest {
  readonly spec: {
    readonly template: { readonly metadata: { readonly annotations: Record<string, string> } }
  }
}

const isDeployment = (manifest: Manifest): manifest is WithTemplate =>
  manifest.kind === 'Deployment'

const versionIn = (manifest: Manifest | undefined): string | undefined =>
  manifest !== undefined && isDeployment(manifest)
    ? manifest.spec.template.metadata.annotations[keys.version]
    : undefined

/** The version after this one: its last number is one more. */
export const nextVersion = (version: string): string =>
  version.replace(/\d+(?=\D*$)/, (last) => String(Number(last) + 1))

const withVersion = (manifest: WithTemplate, version: string): Manifest => {
  const { template } = manifest.spec
  const annotations = { ...template.metadata.annotations, [keys.version]: version }
  const metadata = { ...template.metadata, annotations }
  return { ...manifest, spec: { ...manifest.spec, template: { ...template, metadata } } }
}

const withHook = (manifest: Manifest, hook: string): Manifest => {
  const secureData = JSON.stringify({ slack_hook: hook, text: 'by Gatekept, in simplenode-dev' })
  return { ...manifest, stringData: { SECURE_DATA: secureData } }
}

/** What the example is filled in with. */
export interface Filling {
  /** The server's image. */
  readonly image: string
  /** Where Slack takes messages. */
  readonly hook: string
}

/**
 * Applies the example and answers its version: what the manifests say the first time, then one more each time, so that
 * there is something to release.
 */
export const releaseExample = async (
  objects: Objects,
  { image, hook }: Filling,
): Promise<string> => {
  const manifests = (await readKustomization(folder)).map((manifest) =>
    withImages(manifest, { simplenode: image }),
  )
  const deployment = manifests.find(isDeployment)
  if (deployment === undefined) throw new Error(`Cannot find a Deployment in "${folder}"`)
  const present = versionIn(await objects.read(deployment))
  const version = present === undefined ? (versionIn(deployment) ?? '1.0.0') : nextVersion(present)
  for (const manifest of manifests.filter(({ kind }) => kind !== 'Deployment')) {
    await objects.apply(manifest.kind === 'Secret' ? withHook(manifest, hook) : manifest)
  }
  await objects.apply(withVersion(deployment, version))
  return version
}
