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

const namespaceOf = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
})

/** The chart's objects of these kinds, and the namespaces that they are in, ours among them, as YAML for kubectl. */
export const chartYaml = async (
  kinds: readonly string[],
  values: Values = { admission: 'webhook' },
): Promise<string> => {
  const objects = (await renderChart(values)).filter(({ kind }) => kinds.includes(kind))
  const inside = objects.flatMap(({ metadata: { namespace } }) => namespace ?? [])
  const namespaces = new Set([systemNamespace, ...inside])
  // Each cluster has it.
  namespaces.delete('kube-system')
  return [...[...namespaces].map(namespaceOf), ...objects]
    .map((object) => stringify(object))
    .join('---\n')
}
