/**
 * What the example needs around it, on a cluster that has nothing: a real Prometheus, and stand-ins for kube-state-metrics
 * and Slack. For the demo and for tests.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { bundle } from '../deploy/bundle.ts'
import { unpackPackage } from '../deploy/debian.ts'
import type { Deliver } from '../deploy/delivery.ts'
import { buildImage } from '../deploy/image.ts'
import type { Image } from '../deploy/image.ts'
import { baseLayer, nodeImage } from '../deploy/images.ts'
import { programWithLibraries } from '../deploy/libraries.ts'
import { readManifests, withImages } from '../deploy/manifests.ts'
import type { Manifest } from '../deploy/manifests.ts'
import type { Objects } from '../deploy/objects.ts'
import { imageFolder, root } from '../deploy/paths.ts'
import { awaitRollout } from '../deploy/rollout.ts'
import { thisMachine } from '../test/cluster/machine.ts'

/** A cluster to start something on. */
export interface Place {
  readonly objects: Objects
  readonly deliver: Deliver
}

/** The image `simplenode`: the example's server, and by argument the stand-ins `slack` and `capacity`. */
export const simplenodeImage = async (): Promise<Image> => {
  const files = await bundle(join(root, 'demo', 'services', 'main.ts'))
  return nodeImage(
    'simplenode',
    files.map(({ path, content }) => ({ path: `/app/${path}`, content })),
  )
}

const prometheusProgram = async (): Promise<string> => {
  const folder = join(thisMachine().cacheFolder, '..', 'prometheus')
  if (!existsSync(folder)) {
    const unfinished = `${folder}.${process.pid}`
    await mkdir(unfinished, { recursive: true })
    // apt fetches as a user without rights, who must be able to write here.
    await unpackPackage('prometheus', unfinished)
    await rename(unfinished, folder).catch(async () => {
      await rm(unfinished, { recursive: true }) // Another process was faster.
    })
  }
  return join(folder, 'usr', 'bin', 'prometheus')
}

/** An image of the Prometheus that Debian packages, kept in the user's cache. */
export const prometheusImage = async (): Promise<Image> =>
  buildImage(
    {
      name: 'prometheus',
      layers: [baseLayer(await programWithLibraries(await prometheusProgram(), '/bin/prometheus'))],
      settings: {
        entrypoint: ['/bin/prometheus'],
        env: { HOME: '/tmp' },
        user: '65532:65532',
        workingDir: '/tmp',
        labels: { 'org.opencontainers.image.title': 'Prometheus, as Debian builds it' },
      },
    },
    imageFolder,
  )

const start = async (objects: Objects, manifests: readonly Manifest[]): Promise<void> => {
  for (const manifest of manifests) await objects.apply(manifest)
  for (const manifest of manifests) {
    if (manifest.kind === 'Deployment') await awaitRollout(objects, manifest)
  }
}

const manifestsOf = (name: string): Promise<readonly Manifest[]> =>
  readManifests(join(root, 'demo', 'manifests', `${name}.yaml`))

/**
 * Starts a Prometheus in namespace `monitoring` that scrapes every second what the example needs: the number of CPUs, as it
 * is given here, and the example's server. Answers its address. Call it again to change the number.
 */
export const startPrometheus = async (
  { objects, deliver }: Place,
  { cpus = 8 }: { readonly cpus?: number } = {},
): Promise<string> => {
  const images = {
    prometheus: await deliver(await prometheusImage()),
    simplenode: await deliver(await simplenodeImage()),
    CPUS: String(cpus),
  }
  const manifests = await manifestsOf('prometheus')
  await start(
    objects,
    manifests.map((manifest) => withImages(manifest, images)),
  )
  return 'http://prometheus-k8s.monitoring.svc.cluster.local:9090'
}

/**
 * Starts what takes messages in Slack's place, in namespace `slack`. Answers the address to post to; what came is told at
 * `/messages` of the same server, and in its log.
 */
export const startSlack = async ({ objects, deliver }: Place): Promise<string> => {
  const images = { simplenode: await deliver(await simplenodeImage()) }
  const manifests = await manifestsOf('slack')
  await start(
    objects,
    manifests.map((manifest) => withImages(manifest, images)),
  )
  return 'http://slack.slack.svc.cluster.local/services/example'
}
