/**
 * The state machines of a version, as tables.
 *
 * A KeptnAppVersion goes through the app's phases from top to bottom; while it is in `AppDeploy`, each of its
 * KeptnWorkloadVersions goes through the workload's. A version has no phase until its first one starts (a workload
 * version: until its app has passed its checks before deployment).
 *
 * - **Entering** a phase sets `currentPhase` and tells `<Phase>Started`. A phase with nothing to do is entered all the same
 *   and passed in the same pass.
 * - **Inside** a phase everything runs in parallel, but for tasks whose definitions depend on others. The phase is `Progressing`, or `Pending` while something that it names
 *   does not exist.
 * - **Passing**: all parts succeeded (`<Phase>Succeeded`). Where failures don't block (`blockDeployment: false`), failed
 *   tasks and evaluations make the phase `Warning`, which passes too. A failed rollout always fails.
 * - **Failing**: one part failed. `currentPhase` stays, every later phase becomes `Deprecated`, the version `Failed`
 *   (`<Phase>Errored`).
 * - **On failure**: once a task or an evaluation of an app has failed, for good or as a warning, its on-failure tasks run, once
 *   in an attempt. They decide nothing, and run though the version has ended.
 * - **Completed**: the last phase is passed. The version is `Succeeded`, whatever warnings there were.
 * - **Deprecated**: the version ended before its time, because nobody wants it any more: another version took its place
 *   before its release (`Superseded`), the same version of the app was made again, all workloads that its app was made
 *   from are gone (`WorkloadsDeleted`), or its namespace left (`OptedOut`), which ends released versions, too.
 *   `currentPhase` stays; its running tasks and evaluations are stopped.
 *
 * People may change that course by an action (`actions/decide.ts` has the rules):
 *
 * - **Released**: its phases before the deployment become `Warning`, whatever they have come to, and it goes on with the
 *   deployment.
 * - **Skipped**: one check counts as passed, and its phase is `Warning` once it passes. A version that failed by that check
 *   alone goes on from there, in the same attempt.
 * - **Aborted**: it is `Failed`, reason `Aborted`, its phases that are not passed `Deprecated`. What runs of it is stopped, on-failure
 *   tasks too. While an app version is aborted, those of its workload versions that are not released wait: those that have
 *   not begun do not begin, the others make nothing new and get no verdict, until an app version that lists them has passed
 *   its checks.
 *
 * An ended version begins anew, as its next **attempt**, in four cases, and then with tasks and evaluations of its own:
 * a failed workload version when the revision of its app is raised or people have let its app begin anew, a failed version
 * when people ask for a retry of it, a deprecated one that was not released when pods of it are held once more (after a
 * rollback, or when the namespace has come back), and a deprecated app version when such a workload version waits for it.
 *
 * A workload version gets its verdict (`PreDeploymentPassed`) when it enters `WorkloadDeploy`, or when people release it: that is what opens gates.
 *
 * @module
 */

/** The kinds of child that a phase may have, told apart by the prefix of their names. */
export type CheckType = 'pre' | 'post' | 'pre-eval' | 'post-eval' | 'promotion' | 'on-failure'

/** The lists of definitions in the spec of a version. */
export type CheckList =
  | 'preDeploymentTasks'
  | 'preDeploymentEvaluations'
  | 'postDeploymentTasks'
  | 'postDeploymentEvaluations'
  | 'promotionTasks'
  | 'onFailure'

/** The lists around a deployment, which apps and workloads have alike. */
export const deploymentLists = [
  'preDeploymentTasks',
  'postDeploymentTasks',
  'preDeploymentEvaluations',
  'postDeploymentEvaluations',
] as const satisfies readonly CheckList[]

/** A phase whose parts are tasks or evaluations. */
export interface CheckPhase {
  readonly name: string
  readonly longName: string
  readonly runs: 'tasks' | 'evaluations'
  readonly checkType: CheckType
  /** Where the spec lists the definitions. */
  readonly list: CheckList
  /** Where the status has the phase's state. */
  readonly state: CheckState
  /** Where the status has an item for each definition. */
  readonly items: CheckItems
}

/** Where the status of a version has the state of a phase with checks. */
export type CheckState =
  | 'preDeploymentStatus'
  | 'preDeploymentEvaluationStatus'
  | 'postDeploymentStatus'
  | 'postDeploymentEvaluationStatus'
  | 'promotionStatus'
  | 'onFailureStatus'

/** Where the status of a version has the items of a phase with checks. */
export type CheckItems =
  | 'preDeploymentTaskStatus'
  | 'preDeploymentEvaluationTaskStatus'
  | 'postDeploymentTaskStatus'
  | 'postDeploymentEvaluationTaskStatus'
  | 'promotionTaskStatus'
  | 'onFailureTaskStatus'

/** The phase in which something else deploys, and we watch: an app's workloads, or a workload's pods. */
export interface DeployPhase<State extends string> {
  readonly name: string
  readonly longName: string
  readonly runs: 'deployment'
  readonly state: State
}

export type Phase<State extends string = string> = CheckPhase | DeployPhase<State>

const checkPhases = (level: 'App' | 'Workload') =>
  ({
    preTasks: {
      name: `${level}PreDeployTasks`,
      longName: `${level} Pre-Deployment Tasks`,
      runs: 'tasks',
      checkType: 'pre',
      list: 'preDeploymentTasks',
      state: 'preDeploymentStatus',
      items: 'preDeploymentTaskStatus',
    },
    preEvaluations: {
      name: `${level}PreDeployEvaluations`,
      longName: `${level} Pre-Deployment Evaluations`,
      runs: 'evaluations',
      checkType: 'pre-eval',
      list: 'preDeploymentEvaluations',
      state: 'preDeploymentEvaluationStatus',
      items: 'preDeploymentEvaluationTaskStatus',
    },
    postTasks: {
      name: `${level}PostDeployTasks`,
      longName: `${level} Post-Deployment Tasks`,
      runs: 'tasks',
      checkType: 'post',
      list: 'postDeploymentTasks',
      state: 'postDeploymentStatus',
      items: 'postDeploymentTaskStatus',
    },
    postEvaluations: {
      name: `${level}PostDeployEvaluations`,
      longName: `${level} Post-Deployment Evaluations`,
      runs: 'evaluations',
      checkType: 'post-eval',
      list: 'postDeploymentEvaluations',
      state: 'postDeploymentEvaluationStatus',
      items: 'postDeploymentEvaluationTaskStatus',
    },
  }) as const satisfies Record<string, CheckPhase>

const app = checkPhases('App')
const workload = checkPhases('Workload')

/** Prepares the next stage once everything else is passed. Entered only where promotion is switched on. */
export const promotionPhase = {
  name: 'PromotionTasks',
  longName: 'Promotion Tasks',
  runs: 'tasks',
  checkType: 'promotion',
  list: 'promotionTasks',
  state: 'promotionStatus',
  items: 'promotionTaskStatus',
} as const satisfies CheckPhase

/** Besides the order of phases: run once an app's check has failed, whether that ended the version or was a warning. */
export const onFailurePhase = {
  name: 'OnFailureTasks',
  longName: 'On-Failure Tasks',
  runs: 'tasks',
  checkType: 'on-failure',
  list: 'onFailure',
  state: 'onFailureStatus',
  items: 'onFailureTaskStatus',
} as const satisfies CheckPhase

/** An app deploys: its workloads go through their own phases. */
export const deployPhase = {
  name: 'AppDeploy',
  longName: 'App Deployment',
  runs: 'deployment',
  state: 'workloadOverallStatus',
} as const satisfies Phase

/** The phases of a KeptnAppVersion, in order. */
export const appPhases = [
  app.preTasks,
  app.preEvaluations,
  deployPhase,
  app.postTasks,
  app.postEvaluations,
  promotionPhase,
] as const satisfies readonly Phase[]

/** The phases of a KeptnWorkloadVersion, in order. */
export const workloadPhases = [
  workload.preTasks,
  workload.preEvaluations,
  {
    name: 'WorkloadDeploy',
    longName: 'Workload Deployment',
    runs: 'deployment',
    state: 'deploymentStatus',
  },
  workload.postTasks,
  workload.postEvaluations,
] as const satisfies readonly Phase[]

/** The phases that a deployment waits for. */
export const beforeDeployment = <P extends Phase>(phases: readonly P[]): readonly P[] =>
  phases.slice(
    0,
    phases.findIndex(({ runs }) => runs === 'deployment'),
  )

/** What `currentPhase` says once all phases are passed. */
export const completedPhase = 'Completed'
