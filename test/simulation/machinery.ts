/**
 * The rest of Kubernetes: the kubelet, the Job controller, the garbage collector. Each thing that they could do next is a
 * step.
 *
 * @module
 */
import { Job, Pod } from '../../api/kubernetes.ts'
import { controllerOf } from '../../api/object.ts'
import type { ApiServer, Stored } from './api-server.ts'
import type { Intent } from './intent.ts'
import type { Random } from './random.ts'
import type { Step } from './step.ts'

const ourGate = 'keptn-prechecks-gate'

const isHeld = ({ spec }: Stored): boolean =>
  ((spec?.['schedulingGates'] ?? []) as readonly { readonly name: string }[]).some(
    ({ name }) => name === ourGate,
  )

const isMarked = ({ metadata }: Stored): boolean => metadata.deletionTimestamp !== undefined

/** The rest of Kubernetes at work. */
export interface Machinery {
  readonly steps: () => readonly Step[]
  /** How often the mere passing of time has made something possible. */
  readonly due: () => number
}

/** What Kubernetes could do next. The gates of others are no concern of this kubelet. */
export const createMachinery = (server: ApiServer, random: Random, intent: Intent): Machinery => {
  const runPod = (pod: Stored): readonly Step[] =>
    isHeld(pod) || pod.status?.['phase'] === 'Running'
      ? []
      : [
          () => {
            const change = { spec: { nodeName: 'node-1' }, status: { phase: 'Running' } }
            server.update(Pod, pod.metadata, change)
          },
        ]

  const endJob = (job: Stored): void => {
    const type = intent.isLucky || random.chance(0.8) ? 'Complete' : 'Failed'
    intent.jobs.set(job.metadata.uid, type)
    const condition = { type, status: 'True', reason: type, message: '' }
    server.update(Job, job.metadata, { status: { conditions: [condition] } })
  }

  /** Jobs whose time is over, and those that wait for it: by UID. */
  const overdue = new Set<string>()
  const timed = new Set<string>()

  const waitForTtl = ({ metadata: { uid }, spec }: Stored): void => {
    const seconds = Number(spec?.['ttlSecondsAfterFinished'])
    if (timed.has(uid) || Number.isNaN(seconds)) return
    timed.add(uid)
    setTimeout(() => overdue.add(uid), seconds * 1_000)
  }

  /** The Job controller, and the one that removes Jobs that may go. */
  const runJob = (job: Stored): readonly Step[] => {
    if (job.status?.['conditions'] === undefined) {
      return [
        () => {
          endJob(job)
        },
      ]
    }
    waitForTtl(job)
    return overdue.has(job.metadata.uid)
      ? [
          () => {
            server.remove(Job, job.metadata)
          },
        ]
      : []
  }

  const remove = (object: Stored): Step => {
    return () => {
      server.removeObject(object)
    }
  }

  /** What was deleted in the foreground: what it controls goes first, and in the same way. */
  const finishDeletion = (all: readonly Stored[], owner: Stored): readonly Step[] => {
    const child = all.find((object) => controllerOf(object)?.uid === owner.metadata.uid)
    if (child === undefined) return [remove(owner)]
    return isMarked(child) ? [] : [remove(child)]
  }

  const collect = (): readonly Step[] => {
    const all = server.all()
    const uids = new Set(all.map(({ metadata }) => metadata.uid))
    const isOrphan = ({ metadata: { ownerReferences = [] } }: Stored): boolean =>
      ownerReferences.length > 0 && ownerReferences.every(({ uid }) => !uids.has(uid))
    return [
      ...all.filter(isMarked).flatMap((owner) => finishDeletion(all, owner)),
      ...all.filter(isOrphan).map(remove),
    ]
  }

  return {
    steps: () => [
      ...server.list(Pod).flatMap(runPod),
      ...server.list(Job).flatMap(runJob),
      ...collect(),
    ],
    due: () => overdue.size,
  }
}
