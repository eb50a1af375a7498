/** Which values the chart takes: those of Keptn's, its own, and nothing that would change nothing without a word. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { renderChart, type Values } from '../../../deploy/chart.ts'
import { withPermit } from '../../chart.ts'
import { buildPrograms } from '../../cluster/cluster.ts'
import { noProgress } from '../../cluster/progress.ts'

beforeAll(() => buildPrograms(noProgress), 1_800_000)

/** The values of a path such as `global.imageRegistry`. */
const at = (path: string, value: unknown): Values =>
  path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Values

test.each<readonly [path: string, value: unknown, shows: string]>([
  ['global.imageRegistry', 'example.com/of', 'example.com/of/gatekept'],
  ['global.imagePullSecrets', [{ name: 'pull-secret' }], 'pull-secret'],
  ['global.imagePullPolicy', 'Always', '"imagePullPolicy":"Always"'],
  ['global.commonLabels', { team: 'platform-team' }, 'platform-team'],
  ['global.commonAnnotations', { team: 'platform-team' }, 'platform-team'],
  ['global.caInjectionAnnotations', { 'example.com/inject': 'ca-of-mine' }, 'ca-of-mine'],
  ['global.certManagerEnabled', false, '"lifecycle,gate"'],
  [
    'lifecycleOperator.promotionTasksEnabled',
    true,
    '"name":"PROMOTION_TASKS_ENABLED","value":"true"',
  ],
  ['lifecycleOperator.allowedNamespaces', ['only-this'], 'only-this'],
  ['lifecycleOperator.deniedNamespaces', ['never-this'], 'never-this'],
  ['lifecycleOperator.failurePolicy', 'Ignore', '"failurePolicy":"Ignore"'],
  ['lifecycleOperator.env.functionRunnerImage', 'runner:of-mine', 'runner:of-mine'],
  ['lifecycleOperator.env.pythonRunnerImage', 'python:of-mine', 'python:of-mine'],
  ['lifecycleOperator.env.keptnDoraMetricsPort', '2345', '2345'],
  ['lifecycleOperator.image.registry', 'example.com/lifecycle', 'example.com/lifecycle/gatekept'],
  ['lifecycleOperator.image.repository', 'operator-of-mine', 'operator-of-mine'],
  ['lifecycleOperator.image.tag', 'v9.9.9', 'v9.9.9'],
  ['lifecycleOperator.replicas', 7, '"replicas":7'],
  ['lifecycleOperator.resources', { limits: { cpu: '1234m' } }, '1234m'],
  ['lifecycleOperator.nodeSelector', { disk: 'of-glass' }, 'of-glass'],
  ['lifecycleOperator.tolerations', [{ key: 'of-old-age' }], 'of-old-age'],
  ['lifecycleOperator.topologySpreadConstraints', [{ topologyKey: 'of-mine' }], 'of-mine'],
  ['lifecycleOperator.podAnnotations', { note: 'on-the-pod' }, 'on-the-pod'],
  ['lifecycleOperator.annotations', { note: 'on-the-rest' }, 'on-the-rest'],
  ['lifecycleOperator.hostNetwork', true, '"hostNetwork":true'],
  ['lifecycleOperator.livenessProbe', { periodSeconds: 4321 }, '4321'],
  ['lifecycleOperator.readinessProbe', { periodSeconds: 4321 }, '4321'],
  ['lifecycleOperator.containerSecurityContext', { runAsGroup: 4321 }, '4321'],
  ['lifecycleOperator.webhookService.type', 'NodePort', '"type":"NodePort"'],
  ['lifecycleOperator.operatorMetricsService.port', 4321, '4321'],
])("%s is honoured, as in Keptn's chart", async (path, value, shows) => {
  expect(JSON.stringify(await renderChart())).not.toContain(shows)
  expect(JSON.stringify(await renderChart(at(path, value)))).toContain(shows)
})

const manifests = join(import.meta.dirname, '../../../manifests')
const readManifest = (path: string): Promise<string> => readFile(join(manifests, path), 'utf8')

test('alerts and dashboards come along on demand, as they lie in their folders', async () => {
  const usual = await renderChart()
  expect(usual.filter(({ kind }) => kind === 'PrometheusRule')).toEqual([])
  const objects = await renderChart({
    ...at('alerts', { enabled: true, labels: { release: 'prom' } }),
    ...at('dashboards', { enabled: true, annotations: { grafana_folder: 'Gatekept' } }),
  })
  const [rule, ...others] = objects.filter(({ kind }) => kind === 'PrometheusRule')
  expect(others).toEqual([])
  expect(rule).toMatchObject({
    metadata: { name: 'gatekept', labels: { release: 'prom' } },
    spec: parse(await readManifest('alerts/gatekept.yaml')) as object,
  })
  const dashboards = objects.filter(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.labels?.['grafana_dashboard'] === '1',
  )
  expect(dashboards.map(({ metadata }) => metadata.name).toSorted()).toEqual([
    'gatekept-dashboard-applications',
    'gatekept-dashboard-operator',
    'gatekept-dashboard-overview',
    'gatekept-dashboard-workloads',
  ])
  expect(dashboards[0]).toMatchObject({
    metadata: { annotations: { grafana_folder: 'Gatekept' } },
  })
  for (const { data } of dashboards as readonly { readonly data?: Record<string, string> }[]) {
    for (const [name, text] of Object.entries(data ?? {})) {
      expect(JSON.parse(text)).toEqual(JSON.parse(await readManifest(`grafana/${name}`)))
    }
  }
})

test('both may lie in the namespace of those who look for them', async () => {
  const objects = await renderChart({
    ...at('alerts', { enabled: true, namespace: 'prom' }),
    ...at('dashboards', { enabled: true, namespace: 'graf' }),
  })
  const elsewhere = objects.flatMap(({ kind, metadata: { namespace = '' } }) =>
    namespace === 'prom' || namespace === 'graf' ? [`${kind} in ${namespace}`] : [],
  )
  expect(elsewhere.toSorted()).toEqual([
    ...Array.from({ length: 4 }, () => 'ConfigMap in graf'),
    'PrometheusRule in prom',
  ])
})

test('Prometheus Operator is told of each process, by a port that it has', async () => {
  const objects = await renderChart(
    at('serviceMonitor', { enabled: true, labels: { release: 'prom' } }),
  )
  const monitors = objects.filter(({ kind }) => kind.endsWith('Monitor'))
  expect(monitors.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()).toEqual([
    'PodMonitor lifecycle-webhook',
    'ServiceMonitor lifecycle-operator',
    'ServiceMonitor metrics-operator',
  ])
  expect(monitors.map(({ metadata }) => metadata.labels?.['release'])).toEqual([
    'prom',
    'prom',
    'prom',
  ])
  const scraped = (name: string, kind: string): string =>
    JSON.stringify(
      objects.filter((each) => each.kind === kind && each.metadata.name.startsWith(name)),
    )
  expect(scraped('lifecycle-webhook', 'Deployment')).toContain('"name":"metrics"')
  for (const name of ['lifecycle-operator', 'metrics-operator']) {
    expect(scraped(name, 'Service')).toContain('"name":"metrics"')
  }
})

test('on OpenShift, as in Keptn, no user and no group is named', async () => {
  expect(JSON.stringify(await renderChart())).toContain('"runAsUser":65532')
  const objects = JSON.stringify(await renderChart(at('global.openShift.enabled', true)))
  expect(objects).not.toMatch(/"(runAsUser|runAsGroup|fsGroup)"/)
})

test('where others make the certificates, we are given no right to, and no object asks us for a bundle', async () => {
  const objects = await renderChart(at('global.certManagerEnabled', false))
  const of = (...kinds: readonly string[]) => objects.filter(({ kind }) => kinds.includes(kind))
  expect(of('MutatingWebhookConfiguration', 'APIService')).toHaveLength(3)
  const labels = of('MutatingWebhookConfiguration', 'APIService').map(
    ({ metadata }) => metadata.labels,
  )
  expect(JSON.stringify(labels)).not.toContain('keptn.sh/inject-cert')
  expect(JSON.stringify(of('ClusterRole', 'Role'))).not.toContain('keptn-certs')
})

test.each<readonly [path: string, value: unknown]>([
  ['lifecycleOperator.config', { health: {} }],
  ['lifecycleOperator.env.keptnAppControllerLogLevel', '0'],
  ['metricsOperator.env.metricsControllerLogLevel', '0'],
  ['certManager', { env: { labelSelectorKey: 'keptn.sh/inject-cert' } }],
])('%s is taken, and changes nothing: docs/install.md says why', async (path, value) => {
  expect(await renderChart(at(path, value))).toEqual(await renderChart())
})

test.each<readonly [path: string, value: unknown, says: string]>([
  ['global.certManager.enabled', false, 'global.certManagerEnabled'],
  ['certificateManager.enabled', false, 'global.certManagerEnabled'],
  ['lifecycleOperator.lifecycleOperator.replicas', 2, 'stand under lifecycleOperator itself'],
  ['lifecycleOperator.scheduler.enabled', true, 'leave it out'],
  ['lifecycleOperator.replica', 2, "'replica' not allowed"],
  ['global.imageRegstry', 'example.com', "'imageRegstry' not allowed"],
  ['lifecycleOperator.image.repo', 'gatekept', "'repo' not allowed"],
  ['lifecycleOperator.env.functionRunner', 'deno', "'functionRunner' not allowed"],
  ['lifecycleOperator.webhookService.port', 8443, "'port' not allowed"],
  ['webhook.enabled', false, "'enabled' not allowed"],
  ['admision', 'policy', "'admision' not allowed"],
  ['webhook.holding', 'permit', 'set permit.enabled: true as well'],
  ['dashboards.labels', { grafana_dashboard: 1 }, 'got number, want string'],
  ['permit.enabled', true, 'say the version of the cluster'],
  ['permit.scheduler.image.tag', 'latest', "'latest' does not match"],
])('%s is refused, in words that help', async (path, value, says) => {
  await expect(renderChart(at(path, value))).rejects.toThrow(says)
})

test('on a cluster before 1.27 a gate is refused, and a scheduler holds pods in words that it knows', async () => {
  const version = '1.24.15'
  await expect(renderChart({}, version)).rejects.toThrow('drops scheduling gates silently')
  const objects = JSON.stringify(await renderChart(withPermit, version))
  expect(objects).not.toContain('matchConditions')
  expect(JSON.stringify(await renderChart(withPermit))).toContain('matchConditions')
  const scheduler = { image: { tag: `v${version}` } }
  const older = { ...withPermit, permit: { enabled: true, scheduler } }
  expect(JSON.stringify(await renderChart(older))).toContain('kubescheduler.config.k8s.io/v1beta2')
})
