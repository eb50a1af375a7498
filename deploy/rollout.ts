import { ClusterError, until } from '../test/cluster/run.ts'
import type { Manifest } from './manifests.ts'
import type { Named, Objects } from './objects.ts'

interface DeploymentState {
  readonly metadata: { readonly generation?: number }
  readonly spec: {
    readonly replicas?: number
    readonly selector: { readonly matchLabels?: Readonly<Record<string, string>> }
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly availableReplicas?: number
  }
}

/** Whether all pods of a Deployment are of its newest template and available, and no others are left. */
export const isRolledOut = ({ metadata, spec, status = {} }: DeploymentState): boolean => {
  const wanted = spec.replicas ?? 1
  return (
    status.observedGeneration === metadata.generation &&
    (status.updatedReplicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted
  )
}

interface PodState {
  readonly metadata: { readonly name: string }
  readonly status?: {
    readonly phase?: string
    readonly conditions?: readonly {
      readonly type: string
      readonly status: string
      readonly message?: string
    }[]
    readonly containerStatuses?: readonly {
      readonly state?: {
        readonly waiting?: { readonly reason?: string; readonly message?: string }
        readonly terminated?: { readonly exitCode: number; readonly reason?: string }
      }
      readonly lastState?: { readonly terminated?: { readonly exitCode: number } }
    }[]
  }
}

/** A line on what keeps a pod from being ready, or undefined if nothing does. */
export const trouble = ({ metadata, status = {} }: PodState): string | undefined => {
  const reasons = (status.containerStatuses ?? []).flatMap(({ state, lastState }) => [
    ...(state?.waiting?.reason === undefined
      ? []
      : [`${state.waiting.reason} ${state.waiting.message ?? ''}`.trim()]),
    ...(lastState?.terminated === undefined
      ? []
      : [`exited with ${lastState.terminated.exitCode}`]),
  ])
  const unmet = (status.conditions ?? [])
    .filter(({ status: is, message }) => is === 'False' && message !== undefined)
    .map(({ message = '' }) => message)
  const all = [...new Set([...reasons, ...unmet])]
  return all.length === 0
    ? undefined
    : `Pod "${metadata.name}" (${status.phase ?? 'unknown'}): ${all.join('; ')}`
}

const troubles = async (objects: Objects, deployment: DeploymentState): Promise<string[]> => {
  const labels = Object.entries(deployment.spec.selector.matchLabels ?? {})
  const selector = labels.map(([key, value]) => `${key}=${value}`).join(',')
  const pods = await objects.list({ apiVersion: 'v1', kind: 'Pod' }, selector)
  return pods.flatMap((pod) => trouble(pod as Manifest & PodState) ?? [])
}

/** Resolves when a Deployment is rolled out. Throws, with what its pods say, if that takes too long. */
export const awaitRollout = async (
  objects: Objects,
  deployment: Named,
  timeoutMs = 180_000,
): Promise<void> => {
  let seen: DeploymentState | undefined
  try {
    await until({
      what: `Deployment "${deployment.metadata.name}" to be rolled out`,
      check: async () => {
        seen = (await objects.read(deployment)) as (Manifest & DeploymentState) | undefined
        return seen !== undefined && isRolledOut(seen)
      },
      timeoutMs,
      everyMs: 200,
    })
  } catch (error) {
    if (!(error instanceof ClusterError) || seen === undefined) throw error
    const lines = [error.message, ...(await troubles(objects, seen))]
    throw new ClusterError(lines.join('\n  '), { cause: error })
  }
}
