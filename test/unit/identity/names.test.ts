import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { identify, type Identity } from '../../../identity/identity.ts'
import { keys } from '../../../identity/keys.ts'
import {
  appName,
  appVersionName,
  automaticAppVersion,
  childName,
  cutName,
  joinCut,
  keptnName,
  workloadName,
  workloadVersionName,
} from '../../../identity/names.ts'

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ minLength: 60, maxLength: 300 }),
  fc.stringMatching(/^[-._A-Za-z0-9:+/ ]{0,280}$/),
  fc.constantFrom('', '-', '.', '..', '-.', '.-', '__proto__', 'İ', 'K', 'a-', '.b', '0.4.0_1'),
)
const legalPart = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$/)

describe("Keptn's names", () => {
  const cut: [number, number, string[], string][] = [
    [20, 5, ['str1', 'str2', 'str3'], 'str1-str2-str3'],
    [20, 5, ['str1111111111111111111111', 'str2', 'str3'], 'str1111111-str2-str3'],
    [20, 5, ['str1', 'str222222222222222222222222', 'str3'], 'str1-str2222222-str3'],
    [20, 5, ['str111111111111111111111', 'str22222222', 'str3'], 'str11-str222222-str3'],
    [20, 10, ['str111111111111111111111', 'str22222222', 'str3'], 'str11-str222222-str3'],
    [20, 20, ['str111111111111111111111', 'str22222222', 'str3'], 'str11-str222222-str3'],
    [20, 100, ['str111111111111111111111', 'str22222222', 'str3'], 'str111-str22222-str3'],
    [5, 2, ['a', 'longer-than-five'], 'a-longer-than-five'],
  ]
  test.each(cut)('cut to %i, parts of at least %i: %j is %s', (max, min, parts, expected) => {
    expect(joinCut(parts, max, min)).toBe(expected)
  })

  const long = 'x'.repeat(300)
  test.each([
    ['parts are joined', ['waiter', 'waiter', '0.4'], 'waiter-waiter-0.4'],
    ['an underscore becomes a dash', ['str_1', 'str2', 'str3'], 'str-1-str2-str3'],
    ['a version with an underscore', ['waiter-waiter', '0.4.0_1'], 'waiter-waiter-0.4.0-1'],
    ['capitals become small', ['My-App', 'Web'], 'my-app-web'],
    ['a long first part is cut without a hash', [long, '1'], `${'x'.repeat(251)}-1`],
    ['a part as long as a label keeps its length', ['y'.repeat(64), '1'], `${'y'.repeat(64)}-1`],
  ])('%s', (_, parts, expected) => {
    expect(keptnName(...parts)).toBe(expected)
  })

  test.each([
    ['a colon', ['app', 'v1:2'], /^app-v1-2-[0-9a-f]{8}$/],
    ['a plus', ['app', '1.0.0+build.5'], /^app-1\.0\.0-build\.5-[0-9a-f]{8}$/],
    ['a slash', ['app', 'feature/x'], /^app-feature-x-[0-9a-f]{8}$/],
    ['a dash at the end', ['app', 'x-'], /^app-x-[0-9a-f]{8}$/],
    ['a dash at the start', ['-app', 'x'], /^app-x-[0-9a-f]{8}$/],
    ['a dot at the end', ['app', 'x.'], /^app-x-[0-9a-f]{8}$/],
    ['an empty part at the end', ['app', ''], /^app-[0-9a-f]{8}$/],
    ['a dot after a dash keeps the first part', ['app', '.b'], /^app--b-[0-9a-f]{8}$/],
    ['two dots', ['app', '1..2'], /^app-1--2-[0-9a-f]{8}$/],
    ['nothing', [''], /^[0-9a-f]{8}$/],
    ['no letter that is legal', ['日本'], /^[0-9a-f]{8}$/],
    ['letters with marks', ['café', '1'], /^caf--1-[0-9a-f]{8}$/],
    ['a last part that is too long', ['app', 'v'.repeat(300)], /^app-v{240}-[0-9a-f]{8}$/],
  ])('what the API server would refuse is made legal: %s', (_, parts, expected) => {
    expect(keptnName(...parts)).toMatch(expected)
  })

  test('different illegal names stay different', () => {
    const names = ['v1:2', 'v1/2', 'v1+2', 'v1-2', 'v1 2'].map((version) => keptnName('a', version))
    expect(new Set(names).size).toBe(names.length)
  })

  test('illegal names that differ only beyond the cut stay different', () => {
    const long = 'a'.repeat(260)
    expect(keptnName(`${long}1`, 'v:1')).not.toBe(keptnName(`${long}2`, 'v:1'))
    expect(keptnName('a', `${long}1`)).not.toBe(keptnName('a', `${long}2`))
  })

  test('every name is legal and the same each time', () => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 1, maxLength: 5 }), (parts) => {
        const name = keptnName(...parts)
        expect(name).toMatch(subdomain)
        expect(name.length).toBeLessThanOrEqual(253)
        expect(keptnName(...parts)).toBe(name)
        expect(keptnName(name)).toBe(name)
      }),
      { numRuns: 2000 },
    )
  })

  test("a legal name is Keptn's byte for byte", () => {
    fc.assert(
      fc.property(fc.array(legalPart, { minLength: 1, maxLength: 3 }), (parts) => {
        expect(keptnName(...parts)).toBe(parts.join('-'))
      }),
    )
  })
})

describe('names of objects', () => {
  test('a workload without an application', () => {
    const workload = workloadName('waiter', 'waiter')
    expect(appName('waiter')).toBe('waiter')
    expect(workload).toBe('waiter-waiter')
    expect(workloadVersionName(workload, '0.4')).toBe('waiter-waiter-0.4')
    expect(appVersionName('waiter', '0.4', 1)).toBe('waiter-0.4-6b86b273')
  })

  test('capitals in annotations, which win over labels, become small', () => {
    const said = (kind: string) => ({
      [keys.app]: `SOME-APP-NAME-${kind}`,
      [keys.workload]: `SOME-WORKLOAD-NAME-${kind}`,
      [keys.version]: `SOME-VERSION-${kind}`,
    })
    const pod = { annotations: said('ANNOTATION'), labels: said('LABEL') }
    const { app, workload, version } = identify(pod, undefined) as Identity
    const name = 'some-app-name-annotation-some-workload-name-annotation'
    expect(appName(app)).toBe('some-app-name-annotation')
    expect(workloadName(app, workload)).toBe(name)
    expect(workloadVersionName(name, version)).toBe(`${name}-some-version-annotation`)
  })

  test.each([
    [1, '6b86b273'],
    [2, 'd4735e3a'],
    [3, '4e074085'],
    [10, '4a44dc15'],
  ])('generation %i ends in %s', (generation, hash) => {
    expect(appVersionName('waiter', '1.3', generation)).toBe(`waiter-1.3-${hash}`)
  })

  test('the name of a workload starts with that of its application, however illegal both are', () => {
    const short = fc.string({ unit: 'binary', maxLength: 40 })
    fc.assert(
      fc.property(short, short, (app, workload) => {
        expect(workloadName(app, workload).startsWith(`${appName(app)}-`)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the version of an app that was made automatically', () => {
  const podtato = ['entry', 'hat', 'left-arm', 'left-leg', 'right-arm', 'right-leg'].map(
    (part) => ({ name: `podtato-head-podtato-head-${part}`, version: '0.1.0' }),
  )
  test.each([
    ['none', [], 'e3b0c44298'],
    ['one gives its own', [{ name: 'waiter-waiter', version: '0.4' }], '0.4'],
    ['six', podtato, '95a0b0ddca'],
    ['in another order', podtato.toReversed(), '95a0b0ddca'],
  ])('of workloads: %s', (_, workloads, expected) => {
    expect(automaticAppVersion(workloads)).toBe(expected)
  })
})

describe('names of children', () => {
  test('say what they are and end in a hash', () => {
    expect(childName('pre', 'notify', 'uid', 'phase', 0)).toMatch(/^pre-notify-[0-9a-f]{10}$/)
    expect(childName('pre-eval', 'My.Definition_1', 'uid')).toMatch(
      /^pre-eval-my-definition-1-[0-9a-f]{10}$/,
    )
  })

  test('a long definition is cut and the hash kept', () => {
    const name = childName('post', 'd'.repeat(253), 'uid')
    expect(name).toMatch(/^post-d+-[0-9a-f]{10}$/)
    expect(name).toHaveLength(63)
  })

  test('every part counts', () => {
    const names = [
      childName('pre', 'a', 'uid', 0),
      childName('post', 'a', 'uid', 0),
      childName('pre', 'b', 'uid', 0),
      childName('pre', 'a', 'other', 0),
      childName('pre', 'a', 'uid', 1),
      childName('pre', 'a', 'uid0'),
      childName('pre-eval', 'a', 'uid', 0),
      childName('pre', 'eval-a', 'uid', 0),
    ]
    expect(new Set(names).size).toBe(names.length)
  })

  test('are legal, of any text', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.array(anyText), (type, definition, identifiedBy) => {
        const name = childName(type, definition, ...identifiedBy)
        expect(name).toMatch(label)
        expect(name.length).toBeLessThanOrEqual(63)
        expect(childName(type, definition, ...identifiedBy)).toBe(name)
        expect(cutName(definition, 40, ...identifiedBy)).toMatch(label)
        expect(cutName(definition, 40, ...identifiedBy).length).toBeLessThanOrEqual(40)
      }),
      { numRuns: 2000 },
    )
  })
})
