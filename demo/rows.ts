/**
 * What the live view tells of a release: one row for each thing, from the objects as they are now. Pure.
 *
 * @module
 */
import { conditionTypes } from '../api/index.ts'
import type {
  ItemStatus,
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkloadVersion,
  ObjectiveStatus,
  State,
} from '../api/index.ts'
import type { Pod } from '../api/kubernetes.ts'
import type { KubeObject } from '../api/object.ts'
import { keys } from '../identity/keys.ts'
import { heldOwnerOf } from '../identity/scope.ts'
import { appPhases, workloadPhases } from '../lifecycle/phases.ts'
import type { CheckItems, CheckList, CheckPhase, Phase } from '../lifecycle/phases.ts'

/** The objects of one namespace at one moment. */
export interface World {
  readonly now: Date
  readonly appVersions: readonly KeptnAppVersion[]
  readonly workloadVersions: readonly KeptnWorkloadVersion[]
  readonly tasks: readonly KeptnTask[]
  readonly evaluations: readonly KeptnEvaluation[]
  readonly pods: readonly Pod[]
  /** What each task has written, by the task's name. */
  readonly outputs: ReadonlyMap<string, readonly string[]>
  /** What Slack was told. */
  readonly messages: readonly string[]
}

/** How something stands, as its mark says. */
export type Mark = 'waiting' | 'held' | 'running' | 'passed' | 'failed' | 'warning' | 'skipped'

/** One thing and how it stands. */
export interface Row {
  /** The same for the same thing in every view, and different from all others in one. */
  readonly key: string
  readonly depth: number
  readonly mark: Mark
  readonly name: string
  readonly seconds?: number
  readonly info?: string
  /** Shown below it. */
  readonly lines?: readonly string[]
}

/** The parts of the view. */
export interface View {
  readonly title: string
  readonly phases: readonly Row[]
  readonly pods: readonly Row[]
  readonly messages: readonly string[]
  /** How it ended; `undefined` while it goes on. */
  readonly outcome?: 'passed' | 'failed'
}

const marks: Readonly<Record<State, Mark>> = {
  Pending: 'waiting',
  Progressing: 'running',
  Succeeded: 'passed',
  Failed: 'failed',
  Unknown: 'running',
  Deprecated: 'skipped',
  Warning: 'warning',
}

const markOf = (state: State | undefined): Mark => marks[state ?? 'Pending']

const newestFirst = (a: KubeObject, b: KubeObject): number =>
  b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp) ||
  b.metadata.name.localeCompare(a.metadata.name)

const shownLines = 3

const secondsOf = ({ startTime, endTime }: ItemStatus, now: Date): { seconds?: number } => {
  if (startTime === undefined) return {}
  const end = endTime === undefined ? now.getTime() : Date.parse(endTime)
  return { seconds: Math.max(0, Math.round((end - Date.parse(startTime)) / 1000)) }
}

const objectiveText = ({ name, value, target, message }: ObjectiveStatus): string =>
  value === undefined || value === ''
    ? `${name}: ${message} (wanted ${target})`
    : `${name} is ${value}, wanted ${target}`

const evaluationInfo = ({ status }: KeptnEvaluation): string => {
  const objectives = (status?.objectives ?? []).map(objectiveText)
  const tries = status?.retryCount ?? 0
  return [...objectives, ...(tries > 1 ? [`${tries} tries`] : [])].join('; ')
}

const taskInfo = ({ status }: KeptnTask): string =>
  status?.status === 'Failed' ? (status.message ?? '') : ''

const itemRow = (item: ItemStatus, phase: Row, world: World): Row => {
  const name = item.definitionName ?? ''
  const task = world.tasks.find(({ metadata }) => metadata.name === item.name)
  const evaluation = world.evaluations.find(({ metadata }) => metadata.name === item.name)
  const info = evaluation === undefined ? '' : evaluationInfo(evaluation)
  const lines = world.outputs.get(item.name ?? '') ?? []
  return {
    key: `${phase.key}/${name}`,
    depth: phase.depth + 1,
    mark: markOf(item.status),
    name,
    ...secondsOf(item, world.now),
    info: task === undefined ? info : taskInfo(task),
    lines: lines.slice(-shownLines),
  }
}

type Version = KeptnAppVersion | KeptnWorkloadVersion

/** Tasks and evaluations of a phase: those that were made, or those that will be. */
const itemsOf = (phase: CheckPhase, { spec, status }: Version): readonly ItemStatus[] =>
  (status as Partial<Record<CheckItems, readonly ItemStatus[]>> | undefined)?.[phase.items] ??
  ((spec as Partial<Record<CheckList, readonly string[]>>)[phase.list] ?? []).map(
    (definitionName) => ({ definitionName, status: 'Pending' as const }),
  )

/** A workload's phases stand below its name, which need not be said again. */
const phaseName = (phase: Phase): string => phase.longName.replace(/^Workload /, '')

const stateOf = (version: Version, phase: Phase): State | undefined =>
  new Map(Object.entries(version.status ?? {})).get(phase.state) as State | undefined

interface Place {
  readonly world: World
  readonly key: string
  readonly depth: number
}

const phaseRow = (phase: Phase, version: Version, at: Place): Row => ({
  key: `${at.key}/${phase.name}`,
  depth: at.depth,
  mark: markOf(stateOf(version, phase)),
  name: phaseName(phase),
})

/** Gates open on this verdict and on nothing else. */
const gateOf = ({ status }: KeptnWorkloadVersion): string =>
  status?.conditions?.some(
    ({ type, status: is }) => type === conditionTypes.preDeploymentPassed && is === 'True',
  ) === true
    ? 'gate opened'
    : 'pods are held'

/** A phase and its parts; a phase of checks that names none is left out. */
const checkRows = (phase: CheckPhase, version: Version, at: Place): readonly Row[] => {
  const items = itemsOf(phase, version)
  if (items.length === 0) return []
  const row = phaseRow(phase, version, at)
  return [row, ...items.map((item) => itemRow(item, row, at.world))]
}

const workloadRows = (version: KeptnWorkloadVersion, at: Place): readonly Row[] => {
  const key = `${at.key}/${version.metadata.name}`
  const below = { world: at.world, key, depth: at.depth + 1 }
  const head: Row = {
    key,
    depth: at.depth,
    mark: markOf(version.status?.status),
    name: `${withoutApp(version.spec.workloadName, version.spec.app)} ${version.spec.version}`,
  }
  const phases = workloadPhases.flatMap((phase): readonly Row[] =>
    phase.runs === 'deployment'
      ? [{ ...phaseRow(phase, version, below), info: gateOf(version) }]
      : checkRows(phase, version, below),
  )
  return [head, ...phases]
}

const appRows = (version: KeptnAppVersion, world: World): readonly Row[] => {
  const at: Place = { world, key: version.metadata.name, depth: 0 }
  const listed = new Set(
    (version.spec.workloads ?? []).map((each) => `${each.name} ${each.version}`),
  )
  const workloads = world.workloadVersions.filter(
    ({ spec }) =>
      spec.app === version.spec.appName &&
      listed.has(`${withoutApp(spec.workloadName, spec.app)} ${spec.version}`),
  )
  return appPhases.flatMap((phase): readonly Row[] =>
    phase.runs === 'deployment'
      ? [
          phaseRow(phase, version, at),
          ...workloads.flatMap((each) => workloadRows(each, { ...at, depth: 1 })),
        ]
      : checkRows(phase, version, at),
  )
}

const withoutApp = (workload: string, app: string): string =>
  workload.startsWith(`${app}-`) ? workload.slice(app.length + 1) : workload

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false

const waitingReason = ({ status }: Pod): string | undefined =>
  status?.containerStatuses?.[0]?.state?.waiting?.reason

const podState = (pod: Pod): { readonly mark: Mark; readonly info: string } => {
  const gates = (pod.spec.schedulingGates ?? []).map(({ name }) => name)
  if (gates.length > 0) return { mark: 'held', info: `held by ${gates.join(' and ')}` }
  if (pod.metadata.deletionTimestamp !== undefined) return { mark: 'skipped', info: 'ending' }
  if (isReady(pod)) return { mark: 'passed', info: 'ready' }
  return { mark: 'running', info: waitingReason(pod) ?? pod.status?.phase ?? 'Pending' }
}

const podRow = (pod: Pod): Row => {
  const version = pod.metadata.annotations?.[keys.version]
  const { mark, info } = podState(pod)
  return {
    key: `pod/${pod.metadata.name}`,
    depth: 0,
    mark,
    name: pod.metadata.name,
    info: version === undefined ? info : `${version}, ${info}`,
  }
}

const outcomes: Partial<Record<State, 'passed' | 'failed'>> = {
  Succeeded: 'passed',
  Warning: 'passed',
  Failed: 'failed',
}

const outcomeOf = ({ status }: KeptnAppVersion): { outcome?: 'passed' | 'failed' } => {
  const outcome = outcomes[status?.status ?? 'Pending']
  return outcome === undefined ? {} : { outcome }
}

/**
 * The view of the newest version of an app. `old`: the UIDs of versions that are of no interest; a release is awaited that
 * has not left a trace yet.
 */
export const viewOf = (world: World, old: ReadonlySet<string> = new Set()): View => {
  const [version] = world.appVersions
    .filter(({ metadata }) => !old.has(metadata.uid))
    .toSorted(newestFirst)
  const pods = world.pods
    .filter((pod) => heldOwnerOf(pod) !== undefined)
    .toSorted(newestFirst)
    .map(podRow)
  const { messages } = world
  if (version === undefined) {
    return { title: 'Waiting for the first pod to be held', phases: [], pods, messages }
  }
  const { appName, version: name } = version.spec
  const phase = version.status?.currentPhase ?? 'not begun'
  const title = `${appName} ${name}: ${phase}`
  return { title, phases: appRows(version, world), pods, messages, ...outcomeOf(version) }
}
