/**
 * The writes of ARCHITECTURE.md's table "From admission to release", so that a process can die at one of them.
 *
 * @module
 */
import { conditionTypes, type Condition } from '../../api/index.ts'
import { keys } from '../../identity/keys.ts'

/** A write as it goes out. */
export interface Write {
  readonly verb: 'create' | 'patch'
  readonly kind: string
  /** Of a Namespace: its own name. */
  readonly namespace: string
  readonly subresource?: string
  /** The object that is made, or the patch. */
  readonly body: unknown
}

interface Body {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> }
  readonly spec?: { readonly ttlSecondsAfterFinished?: number }
  readonly status?: {
    readonly status?: string
    readonly currentPhase?: string
    readonly jobUid?: string
    readonly conditions?: readonly Condition[]
  }
}

type Is = (write: Write, body: Body) => boolean

const object =
  (kind: string, verb: Write['verb'] | 'either' = 'create'): Is =>
  (write) =>
    write.kind === kind &&
    write.subresource === undefined &&
    (verb === 'either' || write.verb === verb)

const status =
  (kind: string, is: (status: NonNullable<Body['status']>) => boolean = () => true): Is =>
  (write, body) =>
    write.kind === kind && write.subresource === 'status' && is(body.status ?? {})

const hasVerdict = ({ conditions = [] }: NonNullable<Body['status']>): boolean =>
  conditions.some(
    (condition) =>
      condition.type === conditionTypes.preDeploymentPassed && condition.status === 'True',
  )

const isWrite = {
  '1 KeptnWorkload': object('KeptnWorkload', 'either'),
  '2 KeptnWorkloadVersion': object('KeptnWorkloadVersion'),
  '3 KeptnWorkload status': status('KeptnWorkload'),
  '4 KeptnApp': object('KeptnApp', 'either'),
  '5 KeptnAppVersion': object('KeptnAppVersion'),
  '6 KeptnApp status': status('KeptnApp'),
  '7 KeptnAppVersion passes to its workloads': status(
    'KeptnAppVersion',
    ({ currentPhase }) => currentPhase === 'AppDeploy',
  ),
  '8 KeptnTask': object('KeptnTask'),
  '9 KeptnWorkloadVersion names its tasks': status(
    'KeptnWorkloadVersion',
    ({ currentPhase }) => currentPhase === 'WorkloadPreDeployTasks',
  ),
  '10 Job': object('Job'),
  '11 KeptnTask names its Job': status('KeptnTask', ({ jobUid }) => jobUid !== undefined),
  '12 KeptnTask outcome': status('KeptnTask', (task) => task.status === 'Succeeded'),
  '13 Job may be deleted': (write, body) =>
    object('Job', 'patch')(write, body) && body.spec?.ttlSecondsAfterFinished !== undefined,
  '14 verdict': status('KeptnWorkloadVersion', hasVerdict),
  '15 gate opened': object('Pod', 'patch'),
  '16 revision released': (write, body) =>
    write.kind === 'Namespace' &&
    // The first list of a namespace is empty.
    (body.metadata?.annotations?.[keys.released]?.includes(' ') ?? false),
  'KeptnWorkloadVersion completed': status(
    'KeptnWorkloadVersion',
    ({ currentPhase }) => currentPhase === 'Completed',
  ),
  'KeptnAppVersion completed': status(
    'KeptnAppVersion',
    ({ currentPhase }) => currentPhase === 'Completed',
  ),
} as const satisfies Readonly<Record<string, Is>>

/** A write at which a process can die. Those with a number are lines of the table. */
export type WriteName = keyof typeof isWrite

/** All of them, in the order in which a deployment comes to them. */
export const writeNames = Object.keys(isWrite) as readonly WriteName[]

/** When a process dies: its write was answered; or it is on its way, and nobody knows whether it was carried out. */
export type Moment = 'answered' | 'underway'

/** Where a process dies: at the first write of this name in this namespace. */
export interface CrashPoint {
  readonly namespace: string
  readonly write: WriteName
  readonly moment: Moment
}

/** Whether this is the write at which to die. */
export const isAt = (point: CrashPoint, write: Write): boolean =>
  point.namespace === write.namespace && isWrite[point.write](write, write.body ?? {})
