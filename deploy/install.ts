/**
 * Installs the present build on a cluster, and takes it away again: for `npm run deploy`, the demo, and tests.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { leave } from '../gate/leaving/leave.ts'
import { keys } from '../identity/keys.ts'
import { createClient } from '../kube/client.ts'
import type { Connection } from '../kube/connection.ts'
import { until } from '../test/cluster/run.ts'
import type { Deliver } from './delivery.ts'
import type { Image } from './image.ts'
import { denoRuntimeImage, gatekeptImage, pythonRuntimeImage } from './images.ts'
import { installChart, renderChart, systemNamespace, uninstallChart } from './chart.ts'
import type { Values } from './chart.ts'
import type { Manifest } from './manifests.ts'
import { objectsOf } from './objects.ts'
import type { Named, Objects } from './objects.ts'
import { awaitRollout } from './rollout.ts'

/** Where to install, how images get there, and whom to tell what is being done. */
export interface Deployment {
  readonly connection: Connection
  /** The file in which Helm finds the same cluster. */
  readonly kubeconfig: string
  readonly deliver: Deliver
  /** Values of the chart that differ from its own, besides the images. */
  readonly values?: Values
  /** Gets a line when a stage begins. */
  readonly stage?: (text: string) => void
}

const isCrd = ({ kind }: Manifest): boolean => kind === 'CustomResourceDefinition'
const isDeployment = ({ kind }: Manifest): boolean => kind === 'Deployment'

/** The parts of an image's name, as the chart wants them. */
const imageOf = (reference: string): { readonly image: object } => {
  const colon = reference.lastIndexOf(':')
  const image = { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) }
  return { image }
}

/** Builds the images and brings them to the cluster; answers how the chart names them. */
const deliverImages = async (deliver: Deliver, stage: (text: string) => void): Promise<Values> => {
  stage('Building the images, and bringing them to the cluster')
  const bring = async (build: () => Promise<Image>) => imageOf(await deliver(await build()))
  // One is built while another is on its way.
  const [gatekept, deno, python] = await Promise.all(
    [gatekeptImage, denoRuntimeImage, pythonRuntimeImage].map(bring),
  )
  return {
    global: { imageRegistry: '' },
    ...{ lifecycleOperator: gatekept, webhook: gatekept, metricsOperator: gatekept },
    runtimes: { deno, python },
  }
}

/** Values in which what is said more precisely wins. */
const merged = (base: Values, over: Values): Values =>
  Object.fromEntries(
    Object.keys({ ...base, ...over }).map((key) => {
      const [one, other] = [base[key], over[key]]
      const areMaps = isMap(one) && isMap(other)
      return [key, areMaps ? merged(one, other) : key in over ? other : one]
    }),
  )

const isMap = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Pods are held when a namespace that opts in by annotation is given the label it is selected by, in the same request. */
const awaitAdmission = async (objects: Objects): Promise<void> => {
  const probe: Manifest = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'gatekept-admission-probe', annotations: { [keys.optIn]: 'enabled' } },
  }
  await until({
    what: 'namespaces to be able to opt in',
    check: async () => {
      const answer = await objects.tryApply(probe).catch(() => undefined)
      return answer?.metadata.labels?.[keys.optIn] === 'enabled'
    },
    everyMs: 100,
  })
}

const ourNamespace: Manifest = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: systemNamespace,
    labels: {
      'app.kubernetes.io/part-of': 'keptn',
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/warn': 'restricted',
    },
  },
}

/** Builds, delivers and installs; resolves when pods are held and released. */
export const deployGatekept = async (deployment: Deployment): Promise<void> => {
  const { connection, kubeconfig, deliver, stage = () => undefined } = deployment
  const values = merged(await deliverImages(deliver, stage), deployment.values ?? {})
  const objects = objectsOf(connection)
  try {
    stage('Installing manifests/chart')
    await objects.apply(ourNamespace)
    await installChart(kubeconfig, values)
    for (const manifest of (await renderChart(values)).filter(isDeployment)) {
      stage(`Waiting for Deployment "${manifest.metadata.name}"`)
      await awaitRollout(objects, manifest)
    }
    stage('Waiting until pods are held')
    await awaitAdmission(objects)
  } finally {
    await objects.close()
  }
}

/** As `gatekept release-all` does: the chart asks for the same, but of an image that may be gone. */
const letGo = async (connection: Connection, tell: (text: string) => void): Promise<void> => {
  const client = createClient(connection)
  try {
    const isDone = await leave({
      ...{ client, tell, namespace: systemNamespace },
      pause: () => sleep(2_000),
    })
    if (!isDone) throw new Error('Cannot let all held pods go: the lines above say which')
  } finally {
    await client.close()
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
  kubeconfig,
  stage = () => undefined,
}: Pick<Deployment, 'connection' | 'kubeconfig' | 'stage'>): Promise<void> => {
  const objects = objectsOf(connection)
  try {
    stage('Letting held pods go')
    await letGo(connection, stage)
    stage('Uninstalling the chart')
    await uninstallChart(kubeconfig)
    stage('Removing the kinds and all their objects')
    await removeAll(objects, (await renderChart()).filter(isCrd))
    stage('Removing the rest')
    await removeAll(objects, [ourNamespace])
  } finally {
    await objects.close()
  }
}
