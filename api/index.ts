/**
 * Every kind of our own. Start here to find one; `kubernetes.ts` has Kubernetes' own kinds.
 *
 * @module
 */
import { Analysis } from './analysis.ts'
import { AnalysisDefinition } from './analysis-definition.ts'
import { AnalysisValueTemplate } from './analysis-value-template.ts'
import { KeptnApp } from './keptn-app.ts'
import { KeptnAppContext } from './keptn-app-context.ts'
import { KeptnAppCreationRequest } from './keptn-app-creation-request.ts'
import { KeptnAppVersion } from './keptn-app-version.ts'
import { KeptnConfig } from './keptn-config.ts'
import { KeptnEvaluation } from './keptn-evaluation.ts'
import { KeptnEvaluationDefinition } from './keptn-evaluation-definition.ts'
import { KeptnEvaluationProvider } from './keptn-evaluation-provider.ts'
import { KeptnMetric } from './keptn-metric.ts'
import { KeptnMetricsProvider } from './keptn-metrics-provider.ts'
import { KeptnTask } from './keptn-task.ts'
import { KeptnTaskDefinition } from './keptn-task-definition.ts'
import { KeptnWorkload } from './keptn-workload.ts'
import { KeptnWorkloadInstance } from './keptn-workload-instance.ts'
import { KeptnWorkloadVersion } from './keptn-workload-version.ts'

export {
  Analysis,
  AnalysisDefinition,
  AnalysisValueTemplate,
  KeptnApp,
  KeptnAppContext,
  KeptnAppCreationRequest,
  KeptnAppVersion,
  KeptnConfig,
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnEvaluationProvider,
  KeptnMetric,
  KeptnMetricsProvider,
  KeptnTask,
  KeptnTaskDefinition,
  KeptnWorkload,
  KeptnWorkloadInstance,
  KeptnWorkloadVersion,
}
export {
  verdicts,
  type AnalysisState,
  type AnalysisWindow,
  type Cell,
  type StoredValue,
  type Verdict,
  type WindowRow,
} from './analysis.ts'
export {
  mostObjectives,
  mostWeight,
  type AnalysisObjective,
  type Operator,
  type TemplateReference,
} from './analysis-definition.ts'
export type { ActionRecord, ActionType, VersionAction } from './actions.ts'
export type { ItemStatus, PhaseTimes, WorkloadReference } from './checks.ts'
export { conditionTypes, type Condition } from './condition.ts'
export type { Awaited, EvaluationStatusItem, ObjectiveStatus } from './keptn-evaluation.ts'
export { targetForm, type Objective } from './keptn-evaluation-definition.ts'
export {
  aggregations,
  fetchIntervalMs,
  isOfItsSpec,
  isYetToCome,
  type Aggregation,
  type IntervalResult,
  type MetricRange,
} from './keptn-metric.ts'
export { ownHeaders, valuePathPattern, type HttpTemplate } from './keptn-metrics-provider.ts'
export type { TaskContext } from './keptn-task.ts'
export type { TaskPods } from './keptn-config.ts'
export type { RuntimeSpec } from './keptn-task-definition.ts'
export { newObject, type NewOf, type ResourceOf, type StatusOf } from './resource.ts'
export { states, type State } from './states.ts'

/** All of them, in the order in which they are listed for people. */
export const resources = [
  KeptnApp,
  KeptnAppContext,
  KeptnAppCreationRequest,
  KeptnAppVersion,
  KeptnWorkload,
  KeptnWorkloadVersion,
  KeptnTaskDefinition,
  KeptnTask,
  KeptnEvaluationDefinition,
  KeptnEvaluation,
  KeptnMetricsProvider,
  KeptnMetric,
  AnalysisValueTemplate,
  AnalysisDefinition,
  Analysis,
  KeptnConfig,
  KeptnWorkloadInstance,
  KeptnEvaluationProvider,
] as const
