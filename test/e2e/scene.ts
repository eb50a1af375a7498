/**
 * One scenario in a namespace of its own: how a user acts in it, and what has become of it.
 *
 * @module
 */
import { expect, test } from '@jest/globals'
import {
  conditionTypes,
  KeptnApp,
  KeptnAppVersion,
  KeptnTask,
  KeptnWorkloadVersion,
} from '../../api/index.ts'
import { Job, Pod } from '../../api/kubernetes.ts'
import { controllerOf, type KubeObject } from '../../api/object.ts'
import { gateName, keys } from '../../identity/keys.ts'
import { findCondition } from '../../kube/conditions.ts'
import { eventually } from '../eventually.ts'
import { readAudit } from './audit.ts'
import type { Installation } from './installation.ts'
import { deployment, expectHeld, gatesOf, managedNamespace, yaml } from './world.ts'

/** How long a release may take on a busy machine. */
export const patient = { timeoutMs: 60_000, everyMs: 200 }

/** Scenarios of one file go on side by side; each has a namespace of its own. */
export const scenario = (sentence: string, run: () => Promise<void>): void => {
  test.concurrent(sentence, run, 120_000)
}

/** What a check does: it goes on until it is stopped, or ends at once. */
export type Outcome = 'lasts' | 'passes' | 'fails'

const dns = 'localhost/coredns:1'
/** The images that every cluster of the tests has; neither takes longer to start than its pod. */
const programs: Readonly<Record<Outcome, object>> = {
  lasts: { image: 'localhost/pause:1' },
  passes: { image: dns, command: ['/dns', '-version'] },
  fails: { image: dns, command: ['/dns', '-no-such-option'] },
}

/** A task that is a container: nothing has to be fetched or compiled for it. */
export const check = (namespace: string, name: string, outcome: Outcome): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTaskDefinition',
  metadata: { name, namespace },
  spec: {
    retries: 0,
    container: { name: 'main', imagePullPolicy: 'Never', ...programs[outcome] },
  },
})

/** What a version of a workload in a scenario differs in, besides its check. */
export interface Variation {
  readonly app?: string
  readonly replicas?: number
  readonly annotations?: Readonly<Record<string, string>>
  /** Changes the pod template, and nothing else. */
  readonly change?: string
}

/** What a version has come to, in the words that a test compares. */
export interface State {
  readonly status: string | undefined
  readonly reason: string | undefined
  readonly attempt: number
}

const stateOf = ({ status }: KeptnWorkloadVersion | KeptnAppVersion): State => ({
  status: status?.status,
  reason: findCondition(status?.conditions, conditionTypes.ready)?.reason,
  attempt: status?.attempt ?? 1,
})

/** How a version looks that another one took the place of before its release. */
export const superseded = { status: 'Deprecated', reason: 'Superseded', attempt: 1 } as const
/** How an app version looks whose app was made at the same version once more. */
export const madeAgain = { status: 'Deprecated', reason: 'Deprecated', attempt: 1 } as const
/** How a version looks that has gone through all its phases. */
export const completed = { status: 'Succeeded', reason: 'Completed', attempt: 1 } as const
/** How a version looks whose check before its deployment has failed; which attempt it was is for the test to say. */
export const checksFailed = { status: 'Failed', reason: 'WorkloadPreDeployTasksFailed' } as const

const isStaying = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp === undefined
const isOf =
  (version: string) =>
  ({ metadata }: Pod): boolean =>
    metadata.annotations?.[keys.version] === version
const isTaskPod = ({ metadata }: Pod): boolean =>
  metadata.labels?.['job-name'] !== undefined || controllerOf({ metadata })?.kind === 'Job'
const isAtWork = ({ status }: Pod): boolean =>
  status?.phase === 'Pending' || status?.phase === 'Running'

const endedStates: readonly (string | undefined)[] = ['Succeeded', 'Failed', 'Deprecated']

/** A scenario, as its test sees it. */
export type Scene = ReturnType<typeof sceneIn>

/** A scenario in this namespace. */
export const sceneIn = (installation: Installation, namespace: string) => {
  const { client, cluster } = installation
  const list = async <T>(type: Parameters<typeof client.list>[0]): Promise<readonly T[]> =>
    (await client.list(type, { namespace })).items as unknown as readonly T[]
  const kubectl = (...args: readonly string[]): Promise<string> =>
    cluster.kubectl([...args, '-n', namespace])
  const apply = (...objects: readonly object[]): Promise<void> =>
    installation.apply(yaml(...objects))
  const workloadPods = async (version: string): Promise<readonly Pod[]> =>
    (await list<Pod>(Pod)).filter(isStaying).filter(isOf(version))
  const workloadVersion = async (version: string): Promise<KeptnWorkloadVersion> => {
    const found = (await list<KeptnWorkloadVersion>(KeptnWorkloadVersion)).find(
      ({ spec }) => spec.version === version,
    )
    if (found === undefined) throw new Error(`There is no workload version "${version}"`)
    return found
  }
  const listing = async (version: string): Promise<readonly KeptnAppVersion[]> =>
    (await list<KeptnAppVersion>(KeptnAppVersion))
      .filter(({ spec }) => spec.workloads?.some((listed) => listed.version === version))
      .toSorted((one, other) => (one.spec.generation ?? 0) - (other.spec.generation ?? 0))
  const tasksOf = async (owner: KubeObject): Promise<readonly KeptnTask[]> =>
    (await list<KeptnTask>(KeptnTask)).filter(
      (task) => controllerOf(task)?.uid === owner.metadata.uid,
    )
  const jobs = (): Promise<readonly Job[]> => list<Job>(Job)
  // How long a pod takes to end once it is told to is the kubelet's business.
  const taskPods = async (): Promise<readonly Pod[]> =>
    (await list<Pod>(Pod)).filter(isTaskPod).filter(isStaying)
  const expectNothingRuns = async (): Promise<void> => {
    const tasks = await list<KeptnTask>(KeptnTask)
    expect(tasks.filter(({ status }) => !endedStates.includes(status?.status))).toEqual([])
    expect((await jobs()).filter(({ status }) => (status?.conditions ?? []).length === 0)).toEqual(
      [],
    )
    expect((await taskPods()).filter(isAtWork)).toEqual([])
  }

  /** A Deployment at a version, with a check of this name before its deployment. */
  const workload = (
    version: string,
    checkName: string,
    { app, replicas = 1, annotations = {}, change }: Variation = {},
    name = 'web',
  ): object =>
    deployment({
      namespace,
      name,
      replicas,
      annotations: {
        [keys.version]: version,
        [keys.preDeploymentTasks]: checkName,
        ...(app === undefined ? {} : { [keys.app]: app }),
        ...(change === undefined ? {} : { change }),
        ...annotations,
      },
    })

  return {
    namespace,
    client,
    workload,
    /** A user's app with this version of its only workload. */
    shop: (version: string, ...preDeploymentTasks: readonly string[]): object => ({
      apiVersion: 'lifecycle.keptn.sh/v1alpha3',
      kind: 'KeptnApp',
      metadata: { name: 'shop', namespace },
      spec: { version, workloads: [{ name: 'web', version }], preDeploymentTasks },
    }),
    /** Checks before the deployment of the app that is made for the workload. */
    appContext: (...preDeploymentTasks: readonly string[]): object => ({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnAppContext',
      metadata: { name: 'web', namespace },
      spec: { preDeploymentTasks },
    }),
    kubectl,
    apply,
    workloadVersion,
    /** The app versions that list this version of a workload, the oldest first. */
    appVersionsWith: listing,
    apps: () => list<KeptnApp>(KeptnApp),
    tasksOf,
    jobs,
    taskPods,
    pods: workloadPods,
    /** Makes the namespace, with these checks in it. */
    begin: (checks: Readonly<Record<string, Outcome>>, ...others: readonly object[]) =>
      apply(
        managedNamespace(namespace),
        ...Object.entries(checks).map(([name, outcome]) => check(namespace, name, outcome)),
        ...others,
      ),
    /** From now on the check comes to something else. */
    decideOn: (name: string, outcome: Outcome) => apply(check(namespace, name, outcome)),
    /** Waits until so many pods of a version run, and no other. */
    runs: (version: string, count = 1): Promise<readonly Pod[]> =>
      eventually(async () => {
        const pods = await workloadPods(version)
        expect(pods.map(({ status }) => status?.phase)).toEqual(Array(count).fill('Running'))
        expect(pods.flatMap(gatesOf)).not.toContain(gateName)
        return pods
      }, patient).catch(async (error: unknown) => {
        const there = await kubectl('get', 'deployments,replicasets,pods,events', '-o', 'wide')
        throw new Error(`Pods of version "${version}" do not run as they should:\n${there}`, {
          cause: error,
        })
      }),
    /** Waits until pods of a version are held. */
    holds: (version: string): Promise<void> =>
      eventually(async () => {
        expectHeld(await workloadPods(version))
      }, patient),
    /** Waits until nothing is held by us. */
    holdsNothing: (): Promise<void> =>
      eventually(async () => {
        const pods = (await list<Pod>(Pod)).filter(isStaying)
        expect(pods.flatMap(gatesOf)).not.toContain(gateName)
      }, patient),
    /** Waits until the container of this check runs. */
    checkRuns: (name: string): Promise<void> =>
      eventually(async () => {
        const tasks = (await list<KeptnTask>(KeptnTask)).filter(
          ({ spec }) => spec.taskDefinition === name,
        )
        const jobNames = tasks.map(({ status }) => status?.jobName)
        const running = (await taskPods()).filter(({ status }) => status?.phase === 'Running')
        expect(jobNames).toEqual(
          expect.arrayContaining(running.map(({ metadata }) => metadata.labels?.['job-name'])),
        )
        expect(running).toHaveLength(1)
      }, patient),
    /** Waits until a workload version has come to this. */
    workloadIs: (version: string, state: State, timeoutMs = 60_000) =>
      eventually(
        async () => {
          const found = await workloadVersion(version)
          expect(stateOf(found)).toEqual(state)
          return found
        },
        { timeoutMs, everyMs: 200 },
      ),
    /** Waits until the app versions that list this version of a workload have come to this, the oldest first. */
    appsAre: (version: string, ...states: readonly State[]) =>
      eventually(async () => {
        const found = await listing(version)
        expect(found.map(stateOf)).toEqual(states)
        return found
      }, patient),
    /** Waits until what these objects had begun is stopped: their tasks say so, their Jobs are gone, and pods are told to end. */
    isStopped: (...owners: readonly KubeObject[]): Promise<void> =>
      eventually(
        async () => {
          const tasks = (await Promise.all(owners.map(tasksOf))).flat()
          expect(tasks.length).toBeGreaterThan(0)
          const stopped = tasks.filter(({ status }) => status?.status === 'Deprecated')
          expect(stopped.length).toBeGreaterThan(0)
          expect(stopped.map(({ status }) => status?.reason)).toEqual(
            stopped.map(() => 'Superseded'),
          )
          const names = stopped.map(({ status }) => status?.jobName)
          const left = (await jobs()).filter(({ metadata }) => names.includes(metadata.name))
          expect(left).toEqual([])
          const pods = await taskPods()
          expect(
            pods.filter(({ metadata }) => names.includes(metadata.labels?.['job-name'])),
          ).toEqual([])
        },
        { timeoutMs: 15_000, everyMs: 200 },
      ),
    /** Waits until no task, Job or pod of a Job runs. */
    isQuiet: (): Promise<void> => eventually(expectNothingRuns, patient),
    /** Whether pods of a version have been without our gate, at any time: what the API server wrote down. */
    wasReleased: (version: string): boolean =>
      readAudit(
        cluster.auditLog,
        (write) => write.resource === 'pods' && write.namespace === namespace,
      )
        .filter(({ verb }) => verb !== 'delete')
        .map(({ object }) => object as Pod)
        .filter(isOf(version))
        .some((pod) => !gatesOf(pod).includes(gateName)),
  }
}

const ourUser = 'system:serviceaccount:keptn-system:'
const settledMs = 5_000
/** The level that pino gives warnings. */
const warn = 40

/** A line of our logs, as far as tests read it. */
interface LogLine {
  readonly level: number
  readonly attempts?: number
}

/** Waits until our parts write nothing but Leases for a while, and tells what they went on failing at until then. */
export const settle = async ({ cluster }: Installation): Promise<readonly LogLine[]> => {
  const writes = (): number =>
    readAudit(
      cluster.auditLog,
      ({ user, resource }) => user.startsWith(ourUser) && resource !== 'leases',
    ).length
  await eventually(
    async () => {
      const before = writes()
      await new Promise((resolve) => setTimeout(resolve, settledMs))
      expect(writes()).toBe(before)
    },
    { timeoutMs: 30_000 },
  )
  const ours = ['--namespace=keptn-system', '--selector=control-plane=lifecycle-operator']
  const log = await cluster.kubectl(['logs', '--tail=-1', ...ours])
  return (
    log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine)
      // A failure is told the first time, and then each tenth time.
      .filter(({ level, attempts = 1 }) => level >= warn && attempts > 1)
  )
}
