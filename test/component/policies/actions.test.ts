/** Who may ask versions for what, and who may write what gates are opened on, where nothing of ours runs. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { actionTypes, mostActions, type VersionAction } from '../../../api/actions.ts'
import {
  KeptnAppVersion,
  KeptnTask,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import { chartYaml } from '../../chart.ts'
import { eventually } from '../../eventually.ts'
import { home, startWorld, untilActive, type World } from './world.ts'

/** May change all that is in the way, but holds no verb of ours. */
const developer = 'developer'
/** May ask for everything, in the namespace shop alone. */
const operator = 'operator'
/** May ask for another attempt of any version, and for the end of web-1. */
const helper = 'helper'
const ours = `system:serviceaccount:${home}:lifecycle-operator`
const admin = 'kubernetes-admin'
/** As long as Kubernetes makes them. */
const robot = `system:serviceaccount:${'n'.repeat(63)}:${'r'.repeat(253)}`

const group = 'lifecycle.keptn.sh'
const shop = '--namespace=shop'
let world: World

/** What becomes of something that somebody does: '' when it is taken. */
const tried = async (who: string, args: readonly string[], input?: object): Promise<string> => {
  try {
    const text = input === undefined ? undefined : JSON.stringify(input)
    await world.cluster.kubectl([...args, `--as=${who}`, ...(who === admin ? inMasters : [])], text)
    return ''
  } catch (error) {
    return String(error)
  }
}
const inMasters = ['--as-group=system:masters']

const patched = (
  who: string,
  on: readonly string[],
  patch: unknown,
  how: readonly string[] = ['--type=merge'],
): Promise<string> => tried(who, ['patch', ...on, `--patch=${JSON.stringify(patch)}`, ...how])

const created = (who: string, object: object): Promise<string> =>
  tried(who, ['create', '--filename=-'], object)

/** Of the KeptnWorkload that is there: what is owned by nobody, Kubernetes takes away. */
let uidOfOwner = ''
const owner = (kind = 'KeptnWorkload') => ({
  ownerReferences: [
    { apiVersion: `${group}/v1`, kind, name: 'shop-web', uid: uidOfOwner, controller: true },
  ],
})

const object = (kind: string, name: string, spec: object, metadata: object = {}) => ({
  apiVersion: `${group}/v1`,
  kind,
  metadata: { namespace: 'shop', name, ...metadata },
  spec,
})
const workloadSpec = {
  app: 'shop',
  version: '1',
  resourceReference: { uid: 'rs-1', kind: 'ReplicaSet', name: 'web' },
}
const workload = (name: string) => object('KeptnWorkload', name, workloadSpec)
const workloadVersion = (name: string, more: object = {}, metadata: object = {}) =>
  object(
    'KeptnWorkloadVersion',
    name,
    { ...workloadSpec, workloadName: 'shop-web', revisions: ['rs-1'], ...more },
    metadata,
  )
const appVersion = (name: string, more: object = {}) =>
  object('KeptnAppVersion', name, { appName: 'shop', version: '1', ...more })
const taskSpec = { taskDefinition: 'load', context: {}, checkType: 'pre' }
const task = (name: string, metadata: object = {}) => object('KeptnTask', name, taskSpec, metadata)
const evaluation = (name: string, metadata: object = {}) =>
  object('KeptnEvaluation', name, { evaluationDefinition: 'slow', workloadVersion: '1' }, metadata)

/** By something that is not there. */
const controlled = (kind: string) => ({
  ownerReferences: [{ ...owner(kind).ownerReferences[0], uid: 'u-1' }],
})

let ids = 0
const entry = (type: string, by: string, more: Partial<VersionAction> = {}) => ({
  id: `a${(ids += 1)}`,
  type,
  by,
  reason: 'The checks are broken',
  ...(type === 'skip' ? { check: 'load' } : {}),
  ...more,
})

const web = ['keptnworkloadversion', 'web-1', shop]
const app = ['keptnappversion', 'shop-1', shop]
const actionsOf = async (name = 'web-1'): Promise<readonly VersionAction[]> => {
  const version = await world.client.get(KeptnWorkloadVersion, { namespace: 'shop', name })
  return version?.spec.actions ?? []
}
const appActions = async (): Promise<readonly VersionAction[]> =>
  (await world.client.get(KeptnAppVersion, { namespace: 'shop', name: 'shop-1' }))?.spec.actions ??
  []

/** Adds an entry to what a version has. */
const asked = async (
  who: string,
  on: readonly string[],
  added: object,
  how?: readonly string[],
): Promise<string> => {
  const [, name] = on
  const past = on[0] === 'keptnappversion' ? await appActions() : await actionsOf(name)
  return patched(who, on, { spec: { actions: [...past, added] } }, how)
}

const bind = async (who: string, namespace: string, role: object): Promise<void> => {
  const name = who.slice(-20)
  const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: who }]
  const metadata = { namespace, name }
  await world.cluster.kubectl(
    ['apply', '--filename=-'],
    JSON.stringify({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      subjects,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...role },
    }),
  )
}

beforeAll(async () => {
  world = await startWorld('actions-guard')
  const { kubectl } = world.cluster
  await kubectl(['apply', '--filename=-'], await chartYaml(['ClusterRole']))
  await world.policies({ admission: 'webhook' })
  const kinds = ['workloads', 'workloadversions', 'appversions', 'tasks', 'evaluations']
  const resources = kinds.flatMap((kind) =>
    ['', '/status'].map((sub) => `keptn${kind}.${group}${sub}`),
  )
  const verbs = '--verb=get,list,create,patch,update,delete'
  await kubectl(['create', 'clusterrole', 'change', verbs, `--resource=${resources.join(',')}`])
  const users = [developer, operator, helper, ours].map((user) => `--user=${user}`)
  await kubectl(['create', 'clusterrolebinding', 'change', '--clusterrole=change', ...users])

  await world.managed('shop')
  await world.managed('cart')
  for (const who of [operator, robot]) {
    await bind(who, 'shop', { kind: 'ClusterRole', name: 'keptn:version-actions' })
  }
  const on = (verb: string, more: object = {}) => ({
    ...{ apiGroups: [group], resources: ['keptnworkloadversions'], verbs: [verb] },
    ...more,
  })
  const help = {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role' },
    metadata: { namespace: 'shop', name: 'help' },
    rules: [on('retry'), on('abort', { resourceNames: ['web-1'] })],
  }
  await kubectl(['apply', '--filename=-'], JSON.stringify(help))
  await bind(helper, 'shop', { kind: 'Role', name: 'help' })

  const made = await world.client.create(KeptnWorkload, workload('shop-web') as never)
  uidOfOwner = made.metadata.uid
  for (const each of [
    ...['web-1', 'web-2', 'web-3', 'web-4'].map((name) => workloadVersion(name, {}, owner())),
    appVersion('shop-1'),
    task('checked', owner()),
    evaluation('judged', owner()),
  ]) {
    expect(await created(admin, each)).toBe('')
  }
  await untilActive(async () => {
    const dryRun = ['--type=merge', '--dry-run=server']
    for (const [on, patch] of [
      [web, { spec: { actions: [entry('retry', developer)] } }],
      [web, { spec: { revisions: ['rs-1', 'rs-2'] } }],
    ] as const) {
      expect(await patched(developer, on, patch, dryRun)).not.toBe('')
    }
    const passed = { status: { status: 'Succeeded' } }
    const status = [...dryRun, '--subresource=status']
    expect(await patched(developer, ['keptntask', 'checked', shop], passed, status)).not.toBe('')
  })
}, 300_000)
afterAll(() => world.close())

describe('an entry of spec.actions', () => {
  test.each(actionTypes)('%s is taken from who holds the verb, on either kind', async (type) => {
    for (const on of [web, app]) {
      const added = entry(type, operator)
      expect(await asked(operator, on, added)).toBe('')
      expect(await (on === web ? actionsOf() : appActions())).toContainEqual(added)
    }
  })

  test.each(actionTypes)('%s is refused to who does not, and told what it takes', async (type) => {
    for (const [on, plural] of [
      [web, 'keptnworkloadversions'],
      [app, 'keptnappversions'],
    ] as const) {
      const refusal = await asked(developer, on, entry(type, developer))
      expect(refusal).toContain(`developer may not ask for "${type}" (it takes the verb ${type} on`)
      expect(refusal).toContain(`${plural}.lifecycle.keptn.sh in namespace shop`)
      expect(refusal).toContain('keptn:version-actions')
    }
  })

  test('takes the verb of its own type, on its own kind, version and namespace', async () => {
    expect(await asked(helper, web, entry('retry', helper))).toBe('')
    expect(await asked(helper, web, entry('abort', helper))).toBe('')
    expect(await asked(helper, web, entry('skip', helper))).toContain('takes the verb skip')
    expect(await asked(helper, web, entry('release', helper))).toContain('takes the verb release')
    const other = ['keptnworkloadversion', 'web-2', shop]
    expect(await asked(helper, other, entry('retry', helper))).toBe('')
    expect(await asked(helper, other, entry('abort', helper))).toContain('takes the verb abort')
    expect(await asked(helper, app, entry('retry', helper))).toContain('on keptnappversions')

    const elsewhere = workloadVersion('web-1', {}, { namespace: 'cart' })
    expect(await created(admin, elsewhere)).toBe('')
    const spec = { actions: [entry('retry', operator)] }
    const cart = ['keptnworkloadversion', 'web-1', '--namespace=cart']
    expect(await patched(operator, cart, { spec })).toContain('in namespace cart')
  })

  test('names who adds it, whoever that is', async () => {
    const refusal = `says in "by" who adds it, and that is`
    expect(await asked(operator, web, entry('retry', admin))).toContain(`${refusal} "operator"`)
    // Who is impersonated adds it, and not who impersonates.
    expect(await asked(admin, web, entry('retry', operator))).toContain(`${refusal} "${admin}"`)
    expect(await asked(admin, web, entry('retry', admin))).toBe('')
    expect(await asked(ours, web, entry('retry', operator))).toContain(refusal)
    expect(await asked(ours, web, entry('retry', ours))).toContain('takes the verb retry')
    expect(await asked(robot, web, entry('retry', robot))).toBe('')
  })

  test.each([operator, admin, ours])('stands as it was written, for %s as well', async (who) => {
    const past = await actionsOf()
    const [first, second, ...rest] = past
    expect(rest.length).toBeGreaterThan(0)
    const refusal = 'are added, and never changed, taken away or put in another order'
    for (const actions of [
      [{ ...first, reason: 'Another one' }, second, ...rest],
      [{ ...first, by: 'somebody' }, second, ...rest],
      [second, ...rest],
      [second, first, ...rest],
      [],
      null,
    ]) {
      expect(await patched(who, web, { spec: { actions } })).toContain(refusal)
    }
    for (const patch of [
      [{ op: 'remove', path: '/spec/actions/1' }],
      [{ op: 'replace', path: '/spec/actions/0/type', value: 'abort' }],
      [{ op: 'replace', path: '/spec/actions/0/id', value: 'other' }],
    ]) {
      expect(await patched(who, web, patch, ['--type=json'])).toContain(refusal)
    }
    expect(await actionsOf()).toEqual(past)
  })

  test('is added by JSON patch, and by two people who apply on their sides', async () => {
    const added = entry('retry', operator)
    const at = { op: 'add', path: '/spec/actions/-', value: added }
    expect(await patched(operator, web, [at], ['--type=json'])).toBe('')
    expect(await patched(developer, web, [at], ['--type=json'])).not.toBe('')

    const applied = (who: string, ...actions: readonly object[]): Promise<string> =>
      tried(
        who,
        ['apply', '--server-side', `--field-manager=${who}`, '--filename=-'],
        object('KeptnWorkloadVersion', 'web-3', { actions }),
      )
    const [mine, theirs, third] = [
      entry('retry', operator),
      entry('retry', helper),
      entry('abort', operator),
    ]
    expect(await applied(operator, mine)).toBe('')
    expect(await applied(helper, theirs)).toBe('')
    expect(await applied(developer, entry('retry', developer))).toContain('takes the verb retry')
    expect(await applied(operator, third)).toContain('never changed, taken away')
    expect(await applied(operator, mine, third)).toBe('')
    expect(await actionsOf('web-3')).toHaveLength(3)
  })

  test('cannot come through the status, nor with a version made by hand', async () => {
    const past = await actionsOf()
    const spec = { actions: [...past, entry('release', operator)] }
    expect(await asked(operator, web, entry('skip', admin), ['--type=merge'])).toContain('by')
    await patched(ours, web, { spec }, ['--type=merge', '--subresource=status'])
    await patched(admin, web, { spec }, ['--type=merge', '--subresource=status'])
    expect(await actionsOf()).toEqual(past)

    const made = (by: string) => workloadVersion('made', { actions: [entry('release', by)] })
    const maker = { kind: 'ClusterRole', name: 'change' }
    await bind(robot, 'cart', maker)
    expect(await created(operator, made(admin))).toContain('that is "operator"')
    expect(await created(developer, made(developer))).toContain('takes the verb release')
    expect(await created(operator, made(operator))).toBe('')
  })

  test('may be one of as many as a version takes, all asked for at once', async () => {
    const many = Array.from({ length: mostActions }, (_, index) =>
      entry(actionTypes[index % actionTypes.length] ?? 'retry', robot, {
        id: `${index}`.padEnd(63, 'i'),
        reason: 'r'.repeat(512),
        ...(index % 4 === actionTypes.indexOf('skip') ? { check: 'c'.repeat(253) } : {}),
      }),
    )
    const full = ['keptnworkloadversion', 'web-4', shop]
    const half = many.slice(0, mostActions / 2)
    expect(await patched(robot, full, { spec: { actions: half } })).toBe('')
    expect(await patched(robot, full, { spec: { actions: many } })).toBe('')
    expect(await actionsOf('web-4')).toEqual(many)
    expect(await patched(developer, full, { metadata: { labels: { team: 'web' } } })).toBe('')
    const more = [...many, entry('retry', robot)]
    expect(await patched(robot, full, { spec: { actions: more } })).toContain('at most 32 items')
  })
})

describe('what gates are opened on', () => {
  const refusal = 'is written by Gatekept alone'
  const checked = ['keptntask', 'checked', shop]
  const judged = ['keptnevaluation', 'judged', shop]
  const strangers = {
    ownerReferences: [{ ...owner('KeptnApp').ownerReferences[0], uid: 'u-2' }],
  }

  test.each([
    ['the revisions of a version', web, { spec: { revisions: ['rs-1', 'rs-2'] } }],
    ['what is checked for a version', web, { spec: { preDeploymentTasks: ['none'] } }],
    ['whose version it is', web, { metadata: strangers }],
    ['what is checked for an app', app, { spec: { preDeploymentTasks: ['none'] } }],
    [
      'whether we made an app',
      app,
      { metadata: { labels: { [`app.kubernetes.io/managed-by`]: 'keptn' } } },
    ],
    ['the version of a workload', ['keptnworkload', 'shop-web', shop], { spec: { version: '2' } }],
    ['what a task of a version runs', checked, { spec: { parameters: { map: { easy: 'yes' } } } }],
    ['whose task it is', checked, { metadata: strangers }],
    ['what is evaluated for a version', judged, { spec: { retries: 100 } }],
  ])('is %s: written by us, or by who may release', async (_what, on, patch) => {
    expect(await patched(developer, on, patch)).toContain(refusal)
    expect(await patched(helper, on, patch)).toContain(refusal)
    const dryRun = ['--type=merge', '--dry-run=server']
    expect(await patched(ours, on, patch, dryRun)).toBe('')
    expect(await patched(operator, on, patch, dryRun)).toBe('')
  })

  test.each([
    ['keptnworkload', 'shop-web'],
    ['keptnworkloadversion', 'web-1'],
    ['keptnappversion', 'shop-1'],
    ['keptntask', 'checked'],
    ['keptnevaluation', 'judged'],
  ])('is the status of a %s', async (kind, name) => {
    const status = kind === 'keptnworkload' ? { currentVersion: '2' } : { status: 'Succeeded' }
    const how = ['--type=merge', '--subresource=status']
    const overall = kind === 'keptnevaluation' ? { overallStatus: 'Succeeded' } : status
    expect(await patched(developer, [kind, name, shop], { status: overall }, how)).toContain(
      refusal,
    )
    expect(await patched(ours, [kind, name, shop], { status: overall }, how)).toBe('')
  })

  test.each([
    ['version', workloadVersion('forged', { revisions: ['rs-9'] })],
    ['workload', workload('forged')],
    ['app version', appVersion('forged')],
    ['task of a version', task('forged', controlled('KeptnWorkloadVersion'))],
    ['evaluation of a version', evaluation('forged', controlled('KeptnAppVersion'))],
    // Children are known by the UID of their owner.
    ['task of what says to be something else', task('forged-too', controlled('ConfigMap'))],
  ])('is that there is a %s: nobody else makes one', async (_what, forged) => {
    expect(await created(developer, forged)).toContain(refusal)
    expect(await created(operator, forged)).toBe('')
  })

  test('leaves tasks that people run by hand to them, but makes none of a version of them', async () => {
    expect(await created(developer, task('mine'))).toBe('')
    expect(await created(developer, evaluation('mine'))).toBe('')
    const mine = ['keptntask', 'mine', shop]
    expect(await patched(developer, mine, { spec: { parameters: { map: { easy: 'yes' } } } })).toBe(
      '',
    )
    const taken = { metadata: owner('KeptnWorkloadVersion') }
    expect(await patched(developer, mine, taken)).toContain(refusal)
  })

  test('leaves metadata to people, and writing back what is there', async () => {
    for (const on of [web, app, checked]) {
      const metadata = {
        labels: { team: 'shop' },
        annotations: { note: 'x' },
        finalizers: ['example.org/x'],
      }
      expect(await patched(developer, on, { metadata })).toBe('')
      expect(await patched(developer, on, { metadata: { finalizers: null } })).toBe('')
      const stored = JSON.parse(
        await world.cluster.kubectl(['get', ...on, '--output=json']),
      ) as object
      expect(await tried(developer, ['replace', '--filename=-'], stored)).toBe('')
    }
    // As the garbage collector does.
    const [reference] = owner().ownerReferences
    const unblocked = { ownerReferences: [{ ...reference, blockOwnerDeletion: false }] }
    expect(await patched(developer, web, { metadata: unblocked })).toBe('')
    expect(await patched(developer, web, { metadata: { ownerReferences: null } })).toBe('')
  })

  test('is tidied up by Kubernetes as ever', async () => {
    const { client } = world
    const at = (name: string) => ({ namespace: 'tidy', name })
    await world.managed('tidy')
    const inTidy = <T extends { readonly metadata: object }>(made: T): T => ({
      ...made,
      metadata: { ...made.metadata, namespace: 'tidy' },
    })
    for (const [name, how] of [
      ['left', '--cascade=orphan'],
      ['gone', '--cascade=foreground'],
    ] as const) {
      expect(await created(admin, inTidy(workload(name)))).toBe('')
      const made = await client.get(KeptnWorkload, at(name))
      const [reference] = owner().ownerReferences
      const owned = {
        ownerReferences: [
          { ...reference, name, uid: made?.metadata.uid, blockOwnerDeletion: true },
        ],
      }
      expect(await created(admin, inTidy(workloadVersion(name, {}, owned)))).toBe('')
      expect(await created(admin, inTidy(task(name, owned)))).toBe('')
      expect(await tried(admin, ['delete', 'keptnworkload', name, '--namespace=tidy', how])).toBe(
        '',
      )
    }
    await eventually(async () => {
      expect(await client.get(KeptnWorkloadVersion, at('gone'))).toBeUndefined()
      expect(await client.get(KeptnTask, at('gone'))).toBeUndefined()
    })
    const left = await client.get(KeptnWorkloadVersion, at('left'))
    expect(left?.metadata.ownerReferences ?? []).toEqual([])
    expect(await tried(admin, ['delete', 'namespace', 'tidy', '--timeout=60s'])).toBe('')
  })
})
