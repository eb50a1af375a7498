import type {
  Analysis,
  AnalysisDefinition,
  AnalysisObjective,
  AnalysisValueTemplate,
} from '../../../../api/index.ts'

const metadata = (name: string) => ({
  name,
  namespace: 'shop',
  uid: `uid-of-${name}`,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: '2026-01-01T00:00:00Z',
})

/** An objective as the API server stores it. */
export const anObjective = (
  name: string,
  over: Partial<AnalysisObjective> = {},
): AnalysisObjective => ({
  analysisValueTemplateRef: { name },
  weight: 1,
  keyObjective: false,
  ...over,
})

/** A definition as the API server stores it. */
export const aDefinition = (
  objectives: readonly AnalysisObjective[],
  passPercentage = 90,
  warningPercentage = 75,
): AnalysisDefinition => ({
  apiVersion: 'metrics.keptn.sh/v1',
  kind: 'AnalysisDefinition',
  metadata: metadata('release'),
  spec: { objectives, totalScore: { passPercentage, warningPercentage } },
})

/** A template as the API server stores it. */
export const aTemplate = (name: string, query = name): AnalysisValueTemplate => ({
  apiVersion: 'metrics.keptn.sh/v1',
  kind: 'AnalysisValueTemplate',
  metadata: metadata(name),
  spec: { provider: { name: 'prom' }, query },
})

/** An analysis as the API server stores it, of the first hour of the year. */
export const anAnalysis = (
  spec: Partial<Analysis['spec']> = {},
  status?: Analysis['status'],
): Analysis => ({
  apiVersion: 'metrics.keptn.sh/v1',
  kind: 'Analysis',
  metadata: metadata('check'),
  spec: {
    timeframe: { from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00Z' },
    analysisDefinition: { name: 'release' },
    retries: 5,
    ...spec,
  },
  ...(status === undefined ? {} : { status }),
})
