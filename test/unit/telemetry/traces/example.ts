/**
 * An app `shop` of two workloads on its way, as its objects are stored: a task before the deployment, an evaluation of a workload that
 * fails, a second attempt of that workload that passes, and the promotion.
 */
import { carrierOf, traceOfAppVersion } from '../../../../identity/trace.ts'
import type { KeptnEvaluation, KeptnTask } from '../../../../api/index.ts'
import { childName } from '../../../../identity/names.ts'
import { appPhases, onFailurePhase, workloadPhases } from '../../../../lifecycle/phases.ts'
import type { Traced, TraceSources } from '../../../../telemetry/traces/spans.ts'
import { anAppVersion, at, aTask, aWorkloadVersion, metadata } from '../objects.ts'

export const phases: TraceSources['phases'] = {
  app: [...appPhases, onFailurePhase],
  workload: workloadPhases,
}

export const linked = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** Times of a phase, by the seconds after 10:00. */
export const span = (start: number, end?: number) => {
  const time = (second: number): string => at(`10:00:${String(second).padStart(2, '0')}`)
  return { startTime: time(start), ...(end === undefined ? {} : { endTime: time(end) }) }
}

export const app = anAppVersion(
  'shop-1.0',
  {
    metadata: { team: 'checkout', commit: 'abc' },
    spanLinks: [linked, 'no traceparent'],
    promotionTasks: ['promote'],
  },
  {
    ...span(0, 40),
    status: 'Succeeded',
    currentPhase: 'Completed',
    preDeploymentStatus: 'Succeeded',
    workloadOverallStatus: 'Succeeded',
    promotionStatus: 'Warning',
    phaseTimes: {
      AppPreDeployTasks: span(0, 5),
      AppDeploy: span(5, 35),
      PromotionTasks: span(35, 40),
    },
  },
)

const deploy = {
  AppDeploy: {
    traceparent: '00-11111111111111111111111111111111-2222222222222222-01',
  },
}

export const web = aWorkloadVersion(
  'shop-web-1.0',
  {
    ...span(5, 12),
    status: 'Succeeded',
    deploymentStatus: 'Succeeded',
    phaseTraceIDs: deploy,
    appContextMetadata: { team: 'checkout' },
    phaseTimes: { WorkloadDeploy: span(6, 11) },
  },
  { workloadName: 'shop-web', version: '1.0', metadata: { tier: 'front' } },
)

/** Failed in its first attempt. */
export const failedCart = aWorkloadVersion(
  'shop-cart-1.0',
  {
    ...span(5, 14),
    status: 'Failed',
    postDeploymentEvaluationStatus: 'Failed',
    phaseTraceIDs: deploy,
    phaseTimes: { WorkloadPostDeployEvaluations: span(12, 14) },
  },
  { version: '1.0' },
)

/** The same, in its second attempt. */
export const cart = aWorkloadVersion(
  'shop-cart-1.0',
  {
    ...span(20, 33),
    attempt: 2,
    status: 'Succeeded',
    postDeploymentEvaluationStatus: 'Succeeded',
    phaseTraceIDs: deploy,
    phaseTimes: { WorkloadPostDeployEvaluations: span(30, 33) },
  },
  { version: '1.0' },
)

const owner = (object: Traced) => [
  {
    ...{ apiVersion: object.apiVersion, kind: object.kind, controller: true },
    ...{ name: object.metadata.name, uid: object.metadata.uid },
  },
]

export const task: KeptnTask = {
  ...aTask(
    'pre-smoke',
    { ...span(1, 4), status: 'Failed', message: 'no such shop' },
    {
      context: {
        ...{ appName: 'shop', appVersion: '1.0', taskType: 'pre' },
        metadata: {
          team: 'checkout',
          ...carrierOf(traceOfAppVersion(app, 1), 'AppPreDeployTasks'),
        },
      },
    },
  ),
}
Object.assign(task.metadata, { ownerReferences: owner(app) })

const evaluationOf = (
  attempt: number,
  status: Partial<NonNullable<KeptnEvaluation['status']>>,
): KeptnEvaluation => {
  const phase = 'WorkloadPostDeployEvaluations'
  const { uid } = cart.metadata
  const name = childName('post-eval', 'load', uid, phase, 'load', attempt)
  return {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnEvaluation',
    metadata: { ...metadata(name), ownerReferences: owner(cart) },
    spec: {
      ...{ appName: 'shop', workload: 'shop-cart', workloadVersion: '1.0' },
      ...{ evaluationDefinition: 'load', checkType: 'post-eval' },
    },
    status,
  } as unknown as KeptnEvaluation
}

export const failedEvaluation = evaluationOf(1, {
  ...span(12, 14),
  overallStatus: 'Failed',
  evaluationStatus: { errors: { value: '7', status: 'Failed', message: 'not below 5' } },
})

export const evaluation = evaluationOf(2, {
  ...span(30, 33),
  overallStatus: 'Succeeded',
  evaluationStatus: { errors: { value: '3', status: 'Succeeded' } },
})

/** Who owns what, while this is all there is. */
export const sources: TraceSources = {
  phases,
  ownerOf: (check) =>
    [app, web, cart].find(({ metadata: { uid } }) =>
      check.metadata.ownerReferences?.some((reference) => reference.uid === uid),
    ),
}
