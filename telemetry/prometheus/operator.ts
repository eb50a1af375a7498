/**
 * How the operator itself does: what is held and why, and how old what it knows may be.
 *
 * @module
 */
import type { KubeObject, ResourceType } from '../../api/object.ts'
import type { ShownGauge } from '../process-metrics.ts'

/** A held pod, as far as it is asked here. */
export interface MeasuredPod extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string
      readonly status: string
      readonly reason?: string
    }[]
  }
}

/** What is asked about a pod. */
export interface HoldingFacts<Pod extends MeasuredPod> {
  readonly pods: { readonly all: () => Iterable<Pod> }
  readonly isHeld: (pod: Pod) => boolean
  /** Whether there is a version that lists the pod's revision. */
  readonly hasVersion: (pod: Pod) => boolean
  /** The condition that says why a pod is held. */
  readonly condition: string
}

/** What a pod counts as that has not said yet why it is held. */
const untold = 'NotToldYet'

/** Gauges of what is held. */
export const holdingGauges = <Pod extends MeasuredPod>(
  { pods, isHeld, hasVersion, condition }: HoldingFacts<Pod>,
  isLeading: () => boolean,
  now: () => number = Date.now,
): readonly ShownGauge[] => {
  const held = (): readonly Pod[] => (isLeading() ? [...pods.all()].filter(isHeld) : [])
  const reasonOf = ({ status }: Pod): string => {
    const said = status?.conditions?.find(({ type }) => type === condition)
    return said?.status === 'False' ? (said.reason ?? untold) : untold
  }
  return [
    {
      name: 'gatekept_held_pods',
      help: 'Pods that are held, by what their condition says',
      labelNames: ['object_namespace', 'reason'],
      series: () =>
        countBy(held(), (pod) => ({
          object_namespace: pod.metadata.namespace ?? '',
          reason: reasonOf(pod),
        })),
    },
    {
      name: 'gatekept_oldest_hold_seconds',
      help: 'For how long the pod has been held that has been for longest; 0: none is',
      labelNames: [],
      series: () => {
        if (!isLeading()) return []
        const since = held().map(({ metadata }) => Date.parse(metadata.creationTimestamp))
        const first = since.reduce((a, b) => Math.min(a, b), now())
        return [{ labels: {}, value: (now() - first) / 1_000 }]
      },
    },
    {
      name: 'gatekept_gates_without_version',
      help: 'Held pods of whose revision there is no KeptnWorkloadVersion',
      labelNames: ['object_namespace'],
      series: () =>
        countBy(
          held().filter((pod) => !hasVersion(pod)),
          ({ metadata }) => ({ object_namespace: metadata.namespace ?? '' }),
        ),
    },
  ]
}

/** Gauges of how fresh the stores are: of several watches of one kind the one that has been silent for longest. */
export const watchGauges = (
  reflectors: readonly {
    readonly type: ResourceType<KubeObject>
    readonly idleMs: () => number
  }[],
): readonly ShownGauge[] => [
  {
    name: 'gatekept_watch_age_seconds',
    help: 'How long ago the API server last gave a sign of life about a kind',
    labelNames: ['kind'],
    series: () => {
      const ages = new Map<string, number>()
      for (const { type, idleMs } of reflectors) {
        ages.set(type.kind, Math.max(ages.get(type.kind) ?? 0, idleMs() / 1_000))
      }
      return [...ages].map(([kind, value]) => ({ labels: { kind }, value }))
    },
  },
]

const countBy = <T>(
  things: readonly T[],
  labelsOf: (thing: T) => Readonly<Record<string, string>>,
): ReturnType<ShownGauge['series']> => {
  const counts = new Map<
    string,
    { readonly labels: Readonly<Record<string, string>>; value: number }
  >()
  for (const thing of things) {
    const labels = labelsOf(thing)
    const key = JSON.stringify(labels)
    const entry = counts.get(key) ?? { labels, value: 0 }
    entry.value += 1
    counts.set(key, entry)
  }
  return counts.values()
}
