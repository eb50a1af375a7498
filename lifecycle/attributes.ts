/**
 * What a transition is about, besides its subject and in words of its own: for filters of who is told.
 *
 * All of it follows from the subject alone. The keys are Keptn's (spec/lifecycle 8.1); each kind has those that its spec
 * can fill.
 *
 * @module
 */
import type {
  KeptnApp,
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../api/index.ts'
import type { KubeObject } from '../api/object.ts'
import { versionNameOf } from './app/generation.ts'
import { appPhases, onFailurePhase, workloadPhases } from './phases.ts'

type Attributes = Readonly<Record<string, string>>

const phases = [...appPhases, onFailurePhase, ...workloadPhases]

/** The phase in which a task or an evaluation is run; `undefined`: it was made by hand. */
const phaseOf = (checkType: string | undefined, workload: string): string | undefined =>
  phases
    .filter(({ name }) => name.startsWith('Workload') === (workload !== ''))
    .find((phase) => phase.runs !== 'deployment' && phase.checkType === checkType)?.name

const ofApp = (app: KeptnApp): Attributes => ({
  appName: app.metadata.name,
  appVersion: app.spec.version,
  // The name ends with it.
  appRevision: versionNameOf(app).split('-').at(-1) ?? '',
})

const ofAppVersion = ({ metadata, spec }: KeptnAppVersion): Attributes => ({
  appName: spec.appName,
  appVersion: spec.version,
  appVersionName: metadata.name,
})

const ofWorkload = ({ metadata, spec }: KeptnWorkload): Attributes => ({
  appName: spec.app,
  workloadName: metadata.name,
  workloadVersion: spec.version,
})

const ofWorkloadVersion = ({ metadata, spec }: KeptnWorkloadVersion): Attributes => ({
  appName: spec.app,
  workloadName: spec.workloadName,
  workloadVersion: spec.version,
  workloadVersionName: metadata.name,
  ...(spec.previousVersion === undefined ? {} : { previousVersion: spec.previousVersion }),
})

const ofTask = ({ metadata, spec }: KeptnTask): Attributes => {
  const {
    appName = '',
    appVersion = '',
    workloadName = '',
    workloadVersion = '',
  } = spec.context ?? {}
  const phase = phaseOf(spec.checkType, workloadName)
  return {
    ...(phase === undefined ? {} : { phase }),
    appName,
    appVersion,
    workloadName,
    workloadVersion,
    taskName: metadata.name,
    taskDefinitionName: spec.taskDefinition,
  }
}

const ofEvaluation = ({ metadata, spec }: KeptnEvaluation): Attributes => {
  const { appName = '', appVersion = '', workload = '', workloadVersion } = spec
  const phase = phaseOf(spec.checkType, workload)
  return {
    ...(phase === undefined ? {} : { phase }),
    appName,
    appVersion,
    workloadName: workload,
    workloadVersion,
    evaluationName: metadata.name,
    evaluationDefinitionName: spec.evaluationDefinition,
  }
}

const byKind: Readonly<Record<string, (object: never) => Attributes>> = {
  KeptnApp: ofApp,
  KeptnAppVersion: ofAppVersion,
  KeptnWorkload: ofWorkload,
  KeptnWorkloadVersion: ofWorkloadVersion,
  KeptnTask: ofTask,
  KeptnEvaluation: ofEvaluation,
}

/**
 * The attributes of something told about an object. `phase`: the short name of the phase that it is about, or the word that
 * stands for one where it is about none; a task and an evaluation know theirs.
 */
export const attributesOf = (subject: KubeObject, phase: string, version: string): Attributes => {
  const { kind, metadata } = subject
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    phase,
    version,
    traceparent: metadata.annotations?.['traceparent'] ?? '',
    ...byKind[kind]?.(subject as never),
  }
}
