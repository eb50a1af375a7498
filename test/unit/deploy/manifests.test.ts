import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { readKustomization, readManifests, withImages } from '../../../deploy/manifests.ts'
import type { Manifest } from '../../../deploy/manifests.ts'
import { root } from '../../../deploy/paths.ts'

const configMap = (name: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`

describe('manifests', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'manifests-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
  const names = (manifests: readonly Manifest[]): string[] =>
    manifests.map(({ metadata }) => metadata.name)

  test('are all documents of a file but empty ones', async () => {
    write('a.yaml', `# says something\n---\n${configMap('a')}---\n${configMap('b')}---\n`)
    expect(names(await readManifests(join(folder, 'a.yaml')))).toEqual(['a', 'b'])
  })

  test('of a file that is no YAML are refused, naming the file', async () => {
    write('a.yaml', 'a: b: c')
    await expect(readManifests(join(folder, 'a.yaml'))).rejects.toThrow(/Cannot read ".*a\.yaml"/)
  })

  test('of a kustomization come in its order, other folders among them', async () => {
    mkdirSync(join(folder, 'inner'))
    mkdirSync(join(folder, 'outer'))
    write('inner/Kustomization', 'resources: [b.yaml]\n')
    write('inner/b.yaml', configMap('b'))
    write('outer/kustomization.yaml', 'resources: [c.yaml, ../inner, a.yaml]\n')
    write('outer/a.yaml', configMap('a'))
    write('outer/c.yaml', configMap('c'))
    expect(names(await readKustomization(join(folder, 'outer')))).toEqual(['c', 'b', 'a'])
  })

  test('of a folder without a kustomization are refused', async () => {
    await expect(readKustomization(folder)).rejects.toThrow(/Cannot find a kustomization/)
  })
})

test('images are filled in where a name stands alone, and nowhere else', () => {
  const manifest = {
    metadata: { name: 'web' },
    image: 'web',
    env: [{ name: 'RUNNER', value: 'web' }],
    args: ['web'],
    other: { image: 'web-2' },
  }
  expect(withImages(manifest, { web: 'localhost/web:1' })).toEqual({
    metadata: { name: 'web' },
    image: 'localhost/web:1',
    env: [{ name: 'RUNNER', value: 'localhost/web:1' }],
    args: ['web'],
    other: { image: 'web-2' },
  })
})

describe('manifests/install', () => {
  interface Rule {
    readonly apiGroups: readonly string[]
    readonly resources: readonly string[]
    readonly verbs: readonly string[]
    readonly resourceNames?: readonly string[]
  }
  const install = (): Promise<readonly Manifest[]> =>
    readKustomization(join(root, 'manifests', 'install'))
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

  test('lets the webhook read, and nothing else', async () => {
    const verbs = (await rulesOf('lifecycle-webhook')).flatMap((rule) => rule.verbs)
    expect([...new Set(verbs)].sort()).toEqual(['get', 'list', 'watch'])
  })

  test('lets nobody create or delete pods, or list the Secrets of others', async () => {
    const rules = (await install()).flatMap(({ rules = [] }) => rules as readonly Rule[])
    const about = (resource: string): readonly Rule[] =>
      rules.filter(({ resources }) => resources.includes(resource))
    expect(about('pods').flatMap(({ verbs }) => verbs)).not.toContain('create')
    expect(about('pods').flatMap(({ verbs }) => verbs)).not.toContain('delete')
    expect(about('pods/status').map(({ verbs }) => verbs)).toEqual([['patch']])
    const listing = about('secrets').filter(({ verbs }) => verbs.includes('list'))
    expect(listing.map(({ resourceNames }) => resourceNames)).toEqual([['keptn-certs']])
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
    const workloads = (await install()).filter(({ kind }) => kind === 'Deployment') as Workload[]
    expect(workloads.map(({ metadata }) => metadata.name).sort()).toEqual([
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
        expect(container.image).toBe('gatekept')
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(container.resources.limits.memory).toMatch(/^(128|160|384)Mi$/)
      }
    }
  })
})
