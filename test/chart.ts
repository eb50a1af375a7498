/**
 * What the chart installs, for tests that want a part of it.
 *
 * @module
 */
import { stringify } from 'yaml'
import { renderChart, systemNamespace, type Values } from '../deploy/chart.ts'

/** Values with which a scheduler of the chart holds pods. */
export const withPermit: Values = {
  webhook: { holding: 'permit' },
  permit: { enabled: true, scheduler: { image: { tag: 'v1.36.0' } } },
}

/** Our namespace and the chart's objects of these kinds, as YAML for kubectl. */
export const chartYaml = async (
  kinds: readonly string[],
  values: Values = { admission: 'webhook' },
): Promise<string> => {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: systemNamespace } }
  const objects = (await renderChart(values)).filter(({ kind }) => kinds.includes(kind))
  return [namespace, ...objects].map((object) => stringify(object)).join('---\n')
}
