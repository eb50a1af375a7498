/** What a KeptnApp does with the versions that it has: which one grows, which takes new checks, which goes. */
import { describe, expect, test } from '@jest/globals'
import type { KeptnApp, KeptnAppContext, KeptnAppVersion } from '../../../api/index.ts'
import type { ObjectMeta } from '../../../api/object.ts'
import { decide, type AppSeen } from '../../../lifecycle/app/decide.ts'
import { defaultConfig } from '../../../lifecycle/config.ts'
import { appVersion, metadata } from './objects.ts'

const apiVersion = 'lifecycle.keptn.sh/v1'
const ofApp = {
  ownerReferences: [
    { apiVersion, kind: 'KeptnApp', name: 'shop', uid: 'uid-shop', controller: true },
  ],
}

/** An app that we made, at its second generation. */
const app = (spec: Partial<KeptnApp['spec']> = {}): KeptnApp => ({
  apiVersion,
  kind: 'KeptnApp',
  metadata: {
    ...metadata('shop', { labels: { 'app.kubernetes.io/managed-by': 'keptn' } }),
    generation: 2,
  },
  spec: {
    version: '1',
    revision: 1,
    workloads: [
      { name: 'cart', version: '2' },
      { name: 'web', version: '1' },
    ],
    ...spec,
  },
})

interface VersionWords {
  readonly name?: string
  readonly spec?: Partial<KeptnAppVersion['spec']>
  readonly status?: Parameters<typeof appVersion>[0]
}

const version = ({ name = 'shop-1-6b86b273', spec, status }: VersionWords): KeptnAppVersion => {
  const { spec: usual, ...more } = appVersion(status)
  return {
    ...more,
    metadata: metadata(name, ofApp),
    spec: { ...usual, generation: 1, ...spec },
  }
}

/** Its checks before the deployment still run. */
const checking = { preDeploymentStatus: 'Progressing' } as const

const seen = (more: Partial<AppSeen>): AppSeen => ({
  now: new Date('2026-03-01T12:00:30Z'),
  app: app(),
  context: undefined,
  version: undefined,
  history: [],
  config: defaultConfig,
  ...more,
})

const kindsOf = (more: Partial<AppSeen>): readonly string[] =>
  decide(seen(more)).actions.map(({ kind }) => kind)

describe('a generation without a version', () => {
  test('joins the newest one while its checks run', () => {
    expect(kindsOf({ history: [version({ status: checking })] })).toEqual(['patch'])
  })

  test('does not join when the revision was raised: the checks are asked for again', () => {
    const history = [version({ status: checking })]
    expect(kindsOf({ app: app({ revision: 2 }), history })).toEqual(['create'])
  })

  test('does not join another version of the app', () => {
    const history = [version({ status: checking })]
    expect(kindsOf({ app: app({ version: '2' }), history })).toEqual(['create'])
  })
})

describe('a context that came with its version', () => {
  const context = (more: Partial<ObjectMeta> = {}): KeptnAppContext => ({
    apiVersion,
    kind: 'KeptnAppContext',
    metadata: metadata('shop', more),
    spec: { preDeploymentTasks: ['smoke'] },
  })
  const present = (status: VersionWords['status']) => version({ spec: { generation: 2 }, status })

  test('is followed while the version is under way', () => {
    expect(kindsOf({ version: present(checking), context: context() })).toEqual(['patch'])
  })

  test('is not followed on its way out', () => {
    const leaving = context({ deletionTimestamp: '2026-03-01T12:00:10Z' })
    expect(kindsOf({ version: present(checking), context: leaving })).toEqual([])
  })

  test('is not followed by a version that has ended', () => {
    for (const status of ['Succeeded', 'Failed', 'Deprecated'] as const) {
      expect(kindsOf({ version: present({ status }), context: context() })).toEqual([])
    }
  })
})

describe('of too many versions', () => {
  const present = version({
    name: 'present',
    spec: { generation: 2, version: '1', previousVersion: '0' },
    status: { status: 'Succeeded' },
  })
  const previous = version({
    name: 'previous',
    spec: { version: '0' },
    status: { status: 'Succeeded' },
  })
  const older = version({ name: 'older', spec: { version: '00' }, status: { status: 'Failed' } })
  const config = { ...defaultConfig, versionsKept: 1 }

  test('the present one and the one before it stay', () => {
    const history = [older, present, previous]
    expect(decide(seen({ version: present, history, config })).actions).toMatchObject([
      { kind: 'delete', name: 'older', uid: 'uid-older' },
    ])
  })

  test('one that is under way stays', () => {
    const open = version({ name: 'open', spec: { version: '00' }, status: checking })
    expect(kindsOf({ version: present, history: [present, previous, open], config })).toEqual([])
  })
})
