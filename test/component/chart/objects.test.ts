/** What the chart's objects may do, and what they demand. */
import { beforeAll, describe, expect, test } from '@jest/globals'
import { renderChart } from '../../../deploy/chart.ts'
import type { Manifest } from '../../../deploy/manifests.ts'
import { withPermit } from '../../chart.ts'
import { buildPrograms } from '../../cluster/cluster.ts'
import { noProgress } from '../../cluster/progress.ts'

beforeAll(() => buildPrograms(noProgress), 1_800_000)

describe('the chart', () => {
  interface Rule {
    readonly apiGroups: readonly string[]
    readonly resources: readonly string[]
    readonly verbs: readonly string[]
    readonly resourceNames?: readonly string[]
  }
  const install = renderChart
  const rulesOf = async (name: string): Promise<readonly Rule[]> =>
    (await install())
      .filter(({ kind, metadata }) => /Role$/.test(kind) && metadata.name.endsWith(name))
      .flatMap(({ rules }) => rules as readonly Rule[])

  // For users to bind: metrics have names of their own, which a rule could not list. It is granted to nobody by us.
  const forReaders = 'metrics-operator-server-resources'

  test('grants no verb or resource by a wildcard', async () => {
    const manifests = await install()
    const rules = manifests
      .filter(({ metadata }) => metadata.name !== forReaders)
      .flatMap(({ rules = [] }) => rules as readonly Rule[])
    const granted = manifests.map(({ roleRef }) => (roleRef as { name: string } | undefined)?.name)
    expect(granted).not.toContain(forReaders)
    const words = rules.flatMap(({ apiGroups, resources, verbs }) => [
      ...apiGroups,
      ...resources,
      ...verbs,
    ])
    expect(words).not.toContain('*')
    expect(rules.length).toBeGreaterThan(10)
  })

  test('lets no request skip the check of a certificate', async () => {
    const apis = (await install()).filter(({ kind }) => kind === 'APIService')
    expect(apis.map(({ metadata }) => metadata.name)).toEqual([
      'v1beta1.custom.metrics.k8s.io',
      'v1beta2.custom.metrics.k8s.io',
    ])
    expect(JSON.stringify(apis)).not.toContain('insecureSkipTLSVerify')
  })

  test('gives the credentials of a proxy to metrics-operator as a file, and to nobody else', async () => {
    const url = 'http://proxy.example.com:3128'
    const sourceProxy = { url, credentialsSecret: 'proxy-login' }
    const knowing = (manifests: readonly Manifest[]): readonly string[] =>
      manifests
        .filter((manifest) => /SOURCE_PROXY|proxy-login/.test(JSON.stringify(manifest)))
        .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    const manifests = await install({ metricsOperator: { sourceProxy } })
    expect(knowing(manifests)).toEqual(['Deployment metrics-operator'])
    const text = JSON.stringify(
      manifests.find(
        ({ metadata, kind }) => kind === 'Deployment' && metadata.name === 'metrics-operator',
      ),
    )
    expect(text).toContain('{"name":"SOURCE_PROXY","value":"http://proxy.example.com:3128"}')
    expect(text).toContain(
      '{"name":"SOURCE_NO_PROXY","value":".svc,.cluster.local,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"}',
    )
    expect(text).toContain('"secretName":"proxy-login"')
    expect(knowing(await install())).toEqual([])
    const withLogin = { sourceProxy: { url: 'http://us:password@proxy.example.com' } }
    await expect(install({ metricsOperator: withLogin })).rejects.toThrow()
  })

  test('lets the webhook read, and nothing else', async () => {
    const verbs = (await rulesOf('lifecycle-webhook')).flatMap((rule) => rule.verbs)
    expect([...new Set(verbs)].sort()).toEqual(['get', 'list', 'watch'])
  })

  test('lets nobody create or delete pods, or list the Secrets of others', async () => {
    const isForTrying = ({ metadata }: Manifest): boolean =>
      metadata.namespace === 'gatekept-verify'
    const objects = await install()
    const rules = objects
      .filter((object) => !isForTrying(object))
      .flatMap(({ rules = [] }) => rules as readonly Rule[])
    const about = (resource: string): readonly Rule[] =>
      rules.filter(({ resources }) => resources.includes(resource))
    expect(about('pods').flatMap(({ verbs }) => verbs)).not.toContain('create')
    expect(about('pods').flatMap(({ verbs }) => verbs)).not.toContain('delete')
    expect(about('pods/status').flatMap(({ verbs }) => verbs)).toEqual(['patch', 'patch'])
    const listing = about('secrets').filter(({ verbs }) => verbs.includes('list'))
    expect(listing.map(({ resourceNames }) => resourceNames)).toEqual([['keptn-certs']])
    // `helm test` tries a pod there, in a namespace that ends with it.
    const trying = objects.filter((object) => isForTrying(object) && object.kind === 'Role')
    expect(trying.map(({ rules }) => rules)).toEqual([
      [{ apiGroups: [''], resources: ['pods'], verbs: ['create'] }],
    ])
  })

  interface Workload extends Manifest {
    readonly spec: {
      readonly template: {
        readonly spec: {
          readonly securityContext: object
          readonly containers: readonly {
            readonly image: string
            readonly securityContext: object
            readonly resources: { readonly limits: { readonly memory: string } }
          }[]
        }
      }
    }
  }

  test('runs pods that satisfy the restricted standard, with a read-only file system', async () => {
    const workloads = (await install(withPermit)).filter(
      ({ kind }) => kind === 'Deployment',
    ) as Workload[]
    expect(workloads.map(({ metadata }) => metadata.name).sort()).toEqual([
      'keptn-scheduler',
      'lifecycle-operator',
      'lifecycle-webhook',
      'metrics-operator',
    ])
    for (const { spec } of workloads) {
      const { securityContext, containers } = spec.template.spec
      expect(securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      })
      for (const container of containers) {
        expect(['localhost/gatekept:dev', 'localhost/kube-scheduler:v1.36.0']).toContain(
          container.image,
        )
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(container.resources.limits.memory).toMatch(/^(128|160|192|384|512)Mi$/)
      }
    }
  })
})
