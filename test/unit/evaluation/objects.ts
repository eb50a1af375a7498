import type {
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  Objective,
  StatusOf,
} from '../../../api/index.ts'

const metadata = (name: string, namespace: string) => ({
  name,
  namespace,
  uid: `uid-of-${name}`,
  resourceVersion: '7',
  generation: 1,
  creationTimestamp: '2026-01-01T00:00:00Z',
})

/** An evaluation in namespace `shop`, as the API server stores it. */
export const anEvaluation = (
  spec: Partial<KeptnEvaluation['spec']> = {},
  status?: StatusOf<KeptnEvaluation>,
): KeptnEvaluation => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnEvaluation',
  metadata: metadata('pre-eval-cpus', 'shop'),
  spec: {
    workloadVersion: '1.2.3',
    evaluationDefinition: 'cpus',
    retries: 3,
    retryInterval: '5s',
    ...spec,
  },
  ...(status === undefined ? {} : { status }),
})

/** Its definition. */
export const aDefinition = (
  objectives: readonly Objective[],
  namespace = 'shop',
): KeptnEvaluationDefinition => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnEvaluationDefinition',
  metadata: metadata('cpus', namespace),
  spec: { objectives, retries: 3, retryInterval: '5s' },
})

/** A metric that is asked every 10 seconds. */
export const aMetric = (
  status: StatusOf<KeptnMetric> | undefined,
  at: { readonly name?: string; readonly namespace?: string } = {},
): KeptnMetric => ({
  apiVersion: 'metrics.keptn.sh/v1',
  kind: 'KeptnMetric',
  metadata: metadata(at.name ?? 'available-cpus', at.namespace ?? 'shop'),
  spec: { provider: { name: 'prom' }, query: 'up', fetchIntervalSeconds: 10 },
  ...(status === undefined ? {} : { status }),
})

/** An objective about this metric. */
export const anObjective = (evaluationTarget: string, name = 'available-cpus'): Objective => ({
  keptnMetricRef: { name },
  evaluationTarget,
})
