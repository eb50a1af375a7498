import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import {
  identify,
  identityAnnotations,
  missingAnnotations,
  type Identity,
  type Owner,
} from '../../../identity/identity.ts'
import { keys, read, type Metadata } from '../../../identity/keys.ts'

const template = { spec: { containers: [{ name: 'web', image: 'shop/web:2.7' }] } }
const pod = (annotations: Record<string, string> = {}, labels: Record<string, string> = {}) => ({
  annotations,
  labels,
})
const owner = (annotations: Record<string, string> = {}, labels = {}): Owner => ({
  metadata: { annotations, labels },
  template,
})
const noChecks = {
  preDeploymentTasks: [],
  postDeploymentTasks: [],
  preDeploymentEvaluations: [],
  postDeploymentEvaluations: [],
  metadata: {},
}
const identity = (said: Partial<Identity>): Identity => ({
  app: 'web',
  singleService: true,
  workload: 'web',
  version: '1',
  ...noChecks,
  ...said,
})
const carrying = (metadata: Metadata, annotations: Readonly<Record<string, string>>): Metadata => ({
  ...metadata,
  annotations: { ...metadata.annotations, ...annotations },
})

describe('which value of a key wins', () => {
  const all: [string, Metadata, string | undefined][] = [
    ['annotation', pod({ 'k/a': '1', 'k/b': '3' }, { 'k/a': '2', 'k/b': '4' }), '1'],
    ['then label', pod({ 'k/b': '3' }, { 'k/a': '2', 'k/b': '4' }), '2'],
    ['then annotation of the second key', pod({ 'k/b': '3' }, { 'k/b': '4' }), '3'],
    ['then its label', pod({}, { 'k/b': '4' }), '4'],
    [
      'an empty one counts as absent',
      pod({ 'k/a': '', 'k/b': '' }, { 'k/a': '', 'k/b': '4' }),
      '4',
    ],
    ['nothing', pod(), undefined],
    ['no metadata at all', {}, undefined],
  ]
  test.each(all)('%s', (_, metadata, expected) => {
    expect(read(metadata, 'k/a', 'k/b')).toBe(expected)
  })

  test('keys of the prototype are not there', () => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      expect(read({ annotations: {}, labels: {} }, key)).toBeUndefined()
    }
  })

  test('a value that is no text is not there', () => {
    expect(read({ annotations: { a: 5, b: {} } } as never, 'a', 'b')).toBeUndefined()
  })
})

describe('a pod that names its workload', () => {
  test('and its version needs no owner', () => {
    expect(identify(pod({ [keys.workload]: 'web', [keys.version]: '1' }), undefined)).toEqual(
      identity({}),
    )
  })

  test('by the recommended labels', () => {
    const labels = {
      'app.kubernetes.io/name': 'web',
      'app.kubernetes.io/version': '1',
      'app.kubernetes.io/part-of': 'shop',
    }
    expect(identify(pod({}, labels), undefined)).toEqual(
      identity({ app: 'shop', singleService: false }),
    )
  })

  test('without a version needs the template of its owner', () => {
    const said = pod({ [keys.workload]: 'web' })
    expect(identify(said, undefined)).toBe('owner-needed')
    expect(identify(said, owner())).toEqual(identity({ version: '2.7' }))
  })

  test('takes nothing else from its owner', () => {
    const rich = owner({
      [keys.workload]: 'other',
      [keys.version]: '9',
      [keys.app]: 'shop',
      [keys.preDeploymentTasks]: 'notify',
      [keys.container]: 'typo',
    })
    expect(identify(pod({ [keys.workload]: 'web' }), rich)).toEqual(identity({ version: '2.7' }))
  })

  test('has its version in lower case, its names as given', () => {
    const said = { [keys.workload]: 'Web', [keys.app]: 'SHOP', [keys.version]: 'V1_Beta' }
    expect(identify(pod(said), undefined)).toEqual(
      identity({ workload: 'Web', app: 'SHOP', singleService: false, version: 'v1_beta' }),
    )
  })

  test('lists are split at commas, blanks around items and empty items dropped', () => {
    const said = pod({
      [keys.workload]: 'web',
      [keys.version]: '1',
      [keys.preDeploymentTasks]: ' notify, wait-for-db ,,',
      [keys.postDeploymentTasks]: ' , ',
      [keys.preDeploymentEvaluations]: 'a,a',
      [keys.postDeploymentEvaluations]: 'one',
    })
    expect(identify(said, undefined)).toEqual(
      identity({
        preDeploymentTasks: ['notify', 'wait-for-db'],
        postDeploymentTasks: [],
        preDeploymentEvaluations: ['a', 'a'],
        postDeploymentEvaluations: ['one'],
      }),
    )
  })

  test.each([
    ['commit-id=1234,stage=dev', { 'commit-id': '1234', stage: 'dev' }],
    [' a = 1 , b = 2 ', { a: '1', b: '2' }],
    ['a=1,b,c=2=3,=x,d=', { a: '1', d: '' }],
    ['a=1,a=2', { a: '2' }],
    [',,,', {}],
  ])('metadata %j', (text, expected) => {
    const said = pod({ [keys.workload]: 'web', [keys.version]: '1', [keys.metadata]: text })
    expect(identify(said, undefined)).toEqual(identity({ metadata: expected }))
  })

  test('metadata under the name of the prototype are ordinary data', () => {
    const said = pod({
      [keys.workload]: 'web',
      [keys.version]: '1',
      [keys.metadata]: '__proto__=x,constructor=y',
    })
    const found = identify(said, undefined) as Identity
    expect(Object.entries(found.metadata)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    expect(Object.getPrototypeOf(found.metadata)).toBe(Object.prototype)
  })
})

describe('a pod that names no workload', () => {
  test('needs its owner', () => {
    expect(identify(pod({ [keys.version]: '1' }), undefined)).toBe('owner-needed')
  })

  test('is not managed if its owner names none either', () => {
    expect(identify(pod(), owner({ [keys.app]: 'shop' }))).toBe('not-managed')
  })

  test('inherits everything', () => {
    const rich = owner(
      {
        [keys.version]: 'V3',
        [keys.preDeploymentTasks]: 'notify, wait',
        [keys.metadata]: 'a=1',
      },
      { 'app.kubernetes.io/name': 'web', 'app.kubernetes.io/part-of': 'shop' },
    )
    expect(identify(pod(), rich)).toEqual(
      identity({
        app: 'shop',
        singleService: false,
        version: 'v3',
        preDeploymentTasks: ['notify', 'wait'],
        metadata: { a: '1' },
      }),
    )
  })

  test('gets a version from the template where the owner names none, whatever the pod says', () => {
    const said = pod({ [keys.version]: 'stray' })
    expect(identify(said, owner({ [keys.workload]: 'web' }))).toEqual(identity({ version: '2.7' }))
  })

  test('keeps what it says itself where the owner says nothing, as annotations would be merged', () => {
    const said = pod({ [keys.postDeploymentTasks]: 'mine', [keys.preDeploymentTasks]: 'mine' })
    const rich = owner({
      [keys.workload]: 'web',
      [keys.version]: '1',
      [keys.preDeploymentTasks]: 'theirs',
    })
    expect(identify(said, rich)).toEqual(
      identity({ preDeploymentTasks: ['theirs'], postDeploymentTasks: ['mine'] }),
    )
  })

  test('a container asked for by the owner gives the version', () => {
    const two: Owner = {
      metadata: { annotations: { [keys.workload]: 'web', [keys.container]: 'web' } },
      template: {
        spec: {
          containers: [
            { name: 'mesh', image: 'mesh:9' },
            { name: 'web', image: 'reg:5000/web:RC1' },
          ],
        },
      },
    }
    expect(identify(pod(), two)).toEqual(identity({ version: 'rc1' }))
  })
})

describe('an identity as annotations', () => {
  test('leaves out what is empty', () => {
    expect(identityAnnotations(identity({}))).toEqual({
      [keys.workload]: 'web',
      [keys.version]: '1',
      [keys.app]: 'web',
      [keys.appType]: 'single-service',
    })
  })

  test('only what the pod does not say already is missing', () => {
    const said = pod({ [keys.preDeploymentTasks]: 'a, b' }, { 'app.kubernetes.io/name': 'web' })
    const found = identify(said, owner()) as Identity
    expect(missingAnnotations(said, found)).toEqual({
      [keys.version]: '2.7',
      [keys.app]: 'web',
      [keys.appType]: 'single-service',
    })
  })

  test('nothing is missing the second time', () => {
    const said = pod({}, { 'app.kubernetes.io/name': 'web' })
    const found = identify(said, owner()) as Identity
    const written = carrying(said, missingAnnotations(said, found))
    expect(missingAnnotations(written, found)).toEqual({})
  })

  test('a mark of a single service under another application is not believed', () => {
    const said = pod({
      [keys.workload]: 'web',
      [keys.version]: '1',
      [keys.app]: 'shop',
      [keys.appType]: 'single-service',
    })
    expect(identify(said, undefined)).toEqual(identity({ app: 'shop', singleService: false }))
  })

  const anyValue = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.stringMatching(/^[a-zA-Z0-9 ,=._-]{0,20}$/),
    fc.constantFrom('', ' ', ',', '=', 'single-service', '__proto__=1', 'ΑΣ', 'İ', 'web', 'Web'),
  )
  const anyMap = fc.dictionary(
    fc.constantFrom(...Object.values(keys), '__proto__', 'constructor'),
    anyValue,
  )
  const anyMetadata = fc.record({ annotations: anyMap, labels: anyMap }, { requiredKeys: [] })
  const anyOwner = fc.record({
    metadata: anyMetadata,
    template: fc.record({
      spec: fc.record({
        containers: fc.array(fc.record({ name: fc.string(), image: anyValue }), { maxLength: 3 }),
      }),
    }),
  })

  test('tells the same when it is read back, in full and where only what is missing was written', () => {
    fc.assert(
      fc.property(anyMetadata, anyOwner, (metadata, above) => {
        const found = identify(metadata, above)
        expect(found).not.toBe('owner-needed')
        if (typeof found === 'string') return
        expect(identify(metadata, above)).toEqual(found)
        expect(identify(carrying(metadata, identityAnnotations(found)), undefined)).toEqual(found)
        const written = carrying(metadata, missingAnnotations(metadata, found))
        expect(identify(written, undefined)).toEqual(found)
        expect(found.version).not.toBe('')
      }),
      { numRuns: 5000 },
    )
  })
})
