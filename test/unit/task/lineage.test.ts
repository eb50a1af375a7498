import { expect, test } from '@jest/globals'
import type { KeptnTask, KeptnTaskDefinition } from '../../../api/index.ts'
import { keyOf } from '../../../kube/keys.ts'
import { taskDefinitionController } from '../../../lifecycle/task-definition/index.ts'
import {
  definitionIndexes,
  finderIn,
  heirsOf,
  lineageOf,
  parentsOf,
} from '../../../lifecycle/task-definition/lineage.ts'
import { taskController, taskIndexes } from '../../../lifecycle/task/index.ts'
import { filledStore } from '../filled-store.ts'
import { aDefinition, aTask, settings } from './objects.ts'

type Runtime = NonNullable<KeptnTaskDefinition['spec']['deno']>

const home = settings.namespace

const named = (name: string, deno: Runtime, namespace = 'shop'): KeptnTaskDefinition => {
  const definition = aDefinition({ deno }, namespace)
  return { ...definition, metadata: { ...definition.metadata, name } }
}
const code = (text = 'Deno.exit(0)'): Runtime => ({ inline: { code: text } })
const ref = (name: string, more: Runtime = {}): Runtime => ({ functionRef: { name }, ...more })

const definitionsIn = (...definitions: readonly KeptnTaskDefinition[]) =>
  filledStore(definitions, definitionIndexes)

const lineageIn = (
  namespace: string,
  child: KeptnTaskDefinition,
  ...others: KeptnTaskDefinition[]
) => {
  const places = [namespace, home]
  const find = finderIn(definitionsIn(child, ...others), places)
  return lineageOf(child, parentsOf(child, find), places)
}

test('code of its own counts more than a reference', () => {
  const child = named('child', { ...code('own'), ...ref('parent') })
  expect(lineageIn('shop', child, named('parent', code('other')))).toMatchObject({
    kind: 'script',
    definition: child,
    code: { text: 'own' },
  })
})

test('the code of another language is run as its own definition would', () => {
  const child = named('child', {})
  const spec = { ...child.spec, python: ref('parent', { cmdParameters: '-v' }) }
  const lineage = lineageIn('shop', { ...child, spec }, named('parent', code()))
  expect(lineage).toMatchObject({ language: 'deno', runtime: { cmdParameters: '-v' } })
})

test('what a definition of ours refers to is looked for in the namespace of the task first', () => {
  const child = named('child', ref('parent'), home)
  const ours = named('parent', code('ours'), home)
  const theirs = named('parent', code('theirs'), 'shop')
  expect(lineageIn('shop', child, ours, theirs)).toMatchObject({ definition: theirs })
  expect(lineageIn('shop', child, ours)).toMatchObject({ definition: ours })
  expect(lineageIn('bakery', child, ours, theirs)).toMatchObject({ definition: ours })
})

test('a line of definitions may be long, and each adds to what the code is given', () => {
  const depth = 100
  const members = Array.from({ length: depth }, (_, index) =>
    named(`d${index}`, {
      ...ref(`d${index + 1}`),
      parameters: { map: { nearest: `${index}`, [`at${index}`]: 'x' } },
      ...(index < 2 ? {} : { cmdParameters: `--from ${index}` }),
      ...(index < 3 ? { secureParameters: { secret: '' } } : {}),
    }),
  )
  const last = named(`d${depth}`, { ...code(), secureParameters: { secret: 'last' } })
  const [first, ...others] = members as [KeptnTaskDefinition, ...KeptnTaskDefinition[]]
  const lineage = lineageIn('shop', first, ...others, last)
  if (lineage.kind !== 'script') throw new Error(`It is ${lineage.kind}`)
  const { map = {} } = lineage.runtime.parameters ?? {}
  expect(Object.keys(map)).toHaveLength(depth + 1)
  expect(map['nearest']).toBe('0')
  expect(lineage.runtime.cmdParameters).toBe('--from 2')
  expect(lineage.runtime.secureParameters).toEqual({ secret: 'last' })
})

test('a definition that is being deleted is the parent of none', () => {
  const parent = named('parent', code())
  const leaving = { ...parent, metadata: { ...parent.metadata, deletionTimestamp: 'now' } }
  expect(lineageIn('shop', named('child', ref('parent')), leaving)).toMatchObject({
    reason: 'ParentNotFound',
  })
})

test('all that refer to a name are its heirs, in a circle, too', () => {
  const a = named('a', ref('b'))
  const b = named('b', ref('a'))
  const c = named('c', ref('a'), home)
  const other = named('other', ref('elsewhere'))
  const heirs = heirsOf(definitionsIn(a, b, c, other), 'a').map(keyOf)
  expect(heirs.toSorted()).toEqual([`${home}/c`, 'shop/a', 'shop/b'])
})

/** The keys that a controller looks at when this definition changes. */
const woken = (
  controller: { readonly wakes: readonly { store: unknown; keys: (object: never) => unknown }[] },
  store: unknown,
  definition: KeptnTaskDefinition,
): readonly string[] =>
  controller.wakes
    .filter((each) => each.store === store)
    .flatMap(({ keys }) => keys(definition as never) as readonly string[])
    .toSorted()

test('a definition wakes the tasks and the definitions that run its code, where they can find it', () => {
  const waiting = (namespace: string, taskDefinition: string): KeptnTask => {
    const task = aTask({ taskDefinition })
    return { ...task, metadata: { ...task.metadata, namespace, name: `of-${taskDefinition}` } }
  }
  const definitions = definitionsIn(
    named('child', ref('middle')),
    named('middle', ref('parent'), home),
    named('child', ref('parent'), 'bakery'),
  )
  const tasks = filledStore(
    [waiting('shop', 'child'), waiting('shop', 'other'), waiting('bakery', 'child')],
    taskIndexes,
  )
  const none = filledStore<never>([], {})
  const sources = {
    ...{ tasks, definitions, jobs: none, configMaps: none, appVersions: none },
    ...{ workloadVersions: none, namespaces: none, pods: none, client: {} as never, settings },
  }
  const theirs = named('parent', code(), 'shop')
  const ours = named('parent', code(), home)
  expect(woken(taskController(sources), definitions, theirs)).toEqual(['shop/of-child'])
  expect(woken(taskController(sources), definitions, ours)).toEqual([
    'bakery/of-child',
    'shop/of-child',
  ])
  expect(woken(taskDefinitionController(sources), definitions, ours)).toEqual([
    'bakery/child',
    `${home}/middle`,
    `${home}/parent`,
    'shop/child',
  ])
})
