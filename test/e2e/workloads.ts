/**
 * Workloads for end-to-end tests, as a user writes them.
 *
 * @module
 */
import { stringify } from 'yaml'
import { keys } from '../../identity/keys.ts'

/** A definition of a task that passes, and of one that does not. */
export type Check = 'check' | 'refuse'

/** A workload with a task before its rollout and one after it. */
export interface Workload {
  readonly kind?: 'Deployment' | 'StatefulSet'
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly replicas?: number
  /** What is run before the rollout. */
  readonly check?: Check
  /** How it is updated: the settings of a rolling update. */
  readonly rollout?: object
}

const code: Readonly<Record<Check, string>> = {
  check: "console.log('checked')",
  refuse: "console.log('refused'); Deno.exit(1)",
}

const yamlOf = (objects: readonly object[]): string =>
  objects.map((object) => stringify(object)).join('---\n')

/** A namespace that opted in, with the definitions of both tasks; the one that passes may have code of its own. */
export const namespaceYaml = (name: string, check = code.check): string =>
  yamlOf([
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, annotations: { [keys.optIn]: 'enabled' } },
    },
    ...Object.entries({ ...code, check }).map(([definition, text]) => ({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnTaskDefinition',
      metadata: { name: definition, namespace: name },
      spec: { retries: 0, deno: { inline: { code: text } } },
    })),
  ])

/** The workload. */
export const workloadYaml = (workload: Workload): string => {
  const { kind = 'Deployment', namespace, name, version, replicas = 1, check = 'check' } = workload
  const strategy = kind === 'Deployment' ? 'strategy' : 'updateStrategy'
  return yamlOf([
    {
      apiVersion: 'apps/v1',
      kind,
      metadata: { name, namespace },
      spec: {
        replicas,
        ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
        ...(workload.rollout === undefined
          ? {}
          : { [strategy]: { rollingUpdate: workload.rollout } }),
        selector: { matchLabels: { app: name } },
        template: {
          metadata: {
            labels: { app: name },
            annotations: {
              [keys.workload]: name,
              [keys.version]: version,
              [keys.preDeploymentTasks]: check,
              [keys.postDeploymentTasks]: 'check',
            },
          },
          spec: {
            terminationGracePeriodSeconds: 0,
            // The one image that a test's cluster brings along.
            containers: [{ name: 'main', image: 'localhost/pause:1', imagePullPolicy: 'Never' }],
          },
        },
      },
    },
  ])
}
