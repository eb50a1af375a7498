/**
 * Installs the present build on a cluster, and takes it away again: for `npm run deploy`, the demo, and tests.
 *
 * @module
 */
import { join } from 'node:path'
import { heldLabel, releasedCondition } from '../gate/held-pods.ts'
import { gateName, keys } from '../identity/keys.ts'
import type { Connection } from '../kube/connection.ts'
import { until } from '../test/cluster/run.ts'
import type { Deliver } from './delivery.ts'
import type { Image } from './image.ts'
import { denoRuntimeImage, gatekeptImage, pythonRuntimeImage } from './images.ts'
import { readKustomization, withImages } from './manifests.ts'
import type { Manifest } from './manifests.ts'
import { objectsOf } from './objects.ts'
import type { Named, Objects } from './objects.ts'
import { root } from './paths.ts'
import { awaitRollout } from './rollout.ts'

/** The namespace that Gatekept runs in. */
export const systemNamespace = 'keptn-system'

const installFolder = join(root, 'manifests', 'install')

/** Where to install, how images get there, and whom to tell what is being done. */
export interface Deployment {
  readonly connection: Connection
  readonly deliver: Deliver
  /** Gets a line when a stage begins. */
  readonly stage?: (text: string) => void
}

const isCrd = ({ kind }: Manifest): boolean => kind === 'CustomResourceDefinition'
const isWebhook = ({ kind }: Manifest): boolean => kind.endsWith('WebhookConfiguration')
const isApiService = ({ kind }: Manifest): boolean => kind === 'APIService'
const isDeployment = ({ kind }: Manifest): boolean => kind === 'Deployment'

const applyAll = async (objects: Objects, manifests: readonly Manifest[]): Promise<void> => {
  for (const manifest of manifests) await objects.apply(manifest)
}

interface Conditions {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}

const awaitEstablished = async (objects: Objects, crds: readonly Manifest[]): Promise<void> => {
  for (const crd of crds) {
    await until({
      what: `CustomResourceDefinition "${crd.metadata.name}" to be established`,
      check: async () => {
        const conditions = ((await objects.read(crd)) as Conditions | undefined)?.status?.conditions
        return (
          conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ??
          false
        )
      },
    })
  }
}

/** Builds the images and brings them to the cluster; answers what stands for them in the manifests. */
const deliverImages = async (
  deliver: Deliver,
  stage: (text: string) => void,
): Promise<Readonly<Record<string, string>>> => {
  stage('Building the images, and bringing them to the cluster')
  const builds: readonly (readonly [string, () => Promise<Image>])[] = [
    ['gatekept', gatekeptImage],
    ['deno-runtime', denoRuntimeImage],
    ['python-runtime', pythonRuntimeImage],
  ]
  // One is built while another is on its way.
  return Object.fromEntries(
    await Promise.all(
      builds.map(async ([name, build]) => [name, await deliver(await build())] as const),
    ),
  )
}

/** The webhook answers when a namespace that opts in by annotation is given the label it is selected by. */
const awaitAdmission = async (objects: Objects): Promise<void> => {
  const probe: Manifest = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'gatekept-admission-probe', annotations: { [keys.optIn]: 'enabled' } },
  }
  await until({
    what: 'the API server to reach the webhook',
    check: async () => {
      const answer = await objects.tryApply(probe).catch(() => undefined)
      return answer?.metadata.labels?.[keys.optIn] === 'enabled'
    },
    everyMs: 100,
  })
}

/** Builds, delivers and installs; resolves when pods are held and released. */
export const deployGatekept = async (deployment: Deployment): Promise<void> => {
  const { connection, deliver, stage = () => undefined } = deployment
  const images = await deliverImages(deliver, stage)
  const manifests = (await readKustomization(installFolder)).map((manifest) =>
    withImages(manifest, images),
  )
  const objects = objectsOf(connection)
  try {
    stage('Applying manifests/install')
    const crds = manifests.filter(isCrd)
    await applyAll(objects, crds)
    await awaitEstablished(objects, crds)
    await applyAll(
      objects,
      manifests.filter((manifest) => !isCrd(manifest)),
    )
    for (const manifest of manifests.filter(isDeployment)) {
      stage(`Waiting for Deployment "${manifest.metadata.name}"`)
      await awaitRollout(objects, manifest)
    }
    stage('Waiting for the API server to reach the webhook')
    await awaitAdmission(objects)
  } finally {
    await objects.close()
  }
}

const openGates = async (objects: Objects): Promise<void> => {
  const held = await objects.list({ apiVersion: 'v1', kind: 'Pod' }, `${keys.gated}=true`)
  const patch = {
    metadata: { labels: { [keys.gated]: null } },
    spec: { schedulingGates: [{ $patch: 'delete', name: gateName }] },
  }
  for (const pod of held) await objects.patch(pod, patch)
}

/** What pods say about being held is taken back: nobody would put it right when they run. */
const silencePods = async (objects: Objects): Promise<void> => {
  const patch = {
    metadata: { labels: { [heldLabel]: null } },
    status: { conditions: [{ $patch: 'delete', type: releasedCondition }] },
  }
  const pods = await objects.list({ apiVersion: 'v1', kind: 'Pod' }, `${heldLabel}=true`)
  for (const pod of pods) await objects.patch(pod, patch, 'status')
}

/** What we noted on namespaces: kept, a later installation would take it for true, though much has happened meanwhile. */
const forget = async (objects: Objects): Promise<void> => {
  const notes = [keys.released, keys.managedSince]
  const annotations = Object.fromEntries(notes.map((key) => [key, null]))
  for (const namespace of await objects.list({ apiVersion: 'v1', kind: 'Namespace' })) {
    const noted = namespace.metadata.annotations ?? {}
    if (notes.some((key) => key in noted)) {
      await objects.patch(namespace, { metadata: { annotations } })
    }
  }
}

const removeAll = async (objects: Objects, manifests: readonly Named[]): Promise<void> => {
  for (const manifest of manifests) await objects.remove(manifest)
  for (const manifest of manifests) await objects.gone(manifest)
}

/**
 * Takes Gatekept away, with all its objects in all namespaces; resolves when nothing is left. Pods that were held are let
 * go: nobody would be there to do it later.
 */
export const undeployGatekept = async ({
  connection,
  stage = () => undefined,
}: Pick<Deployment, 'connection' | 'stage'>): Promise<void> => {
  const manifests = await readKustomization(installFolder)
  const objects = objectsOf(connection)
  try {
    stage('Removing the webhooks, so that no pod is held any more')
    await removeAll(objects, manifests.filter(isWebhook))
    // While nobody serves an API that is registered, no namespace can be deleted.
    await removeAll(objects, manifests.filter(isApiService))
    stage('Stopping the processes')
    await removeAll(objects, manifests.filter(isDeployment))
    stage('Letting held pods go')
    await openGates(objects)
    await silencePods(objects)
    await forget(objects)
    stage('Removing the kinds and all their objects')
    await removeAll(objects, manifests.filter(isCrd))
    stage('Removing the rest')
    await removeAll(objects, [...manifests].reverse())
  } finally {
    await objects.close()
  }
}
