import { describe, expect, test } from '@jest/globals'
import fc from '../../../fast-check.ts'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { ConversionError, objectName } from '../../../../metrics/convert/conversion.ts'
import { convertSli } from '../../../../metrics/convert/sli.ts'
import { convertSlo } from '../../../../metrics/convert/slo.ts'

const sliOptions = { providerName: 'prometheus', providerNamespace: 'observing' }
const sloOptions = { definitionName: 'quality', templateNamespace: 'observing' }
const sli = (text: string) => convertSli(text, sliOptions)
const slo = (text: string) => convertSlo(text, sloOptions)

test.each([
  ['Response_Time', 'response-time'],
  ['__a  b__', 'a-b'],
  ['p95.latency', 'p95-latency'],
  ['ÄB', 'b'],
  [`${'a'.repeat(252)}_b`, 'a'.repeat(252)],
])('an SLI "%s" becomes "%s"', (written, name) => {
  expect(objectName(written)).toBe(name)
})

describe('files that cannot be converted say what to change', () => {
  const score = "total_score: { pass: '90%', warning: '75%' }"
  const scored = (objectives: string) => `${objectives}\n${score}`
  test.each([
    ['nothing', sli, '', /^It is not a map$/],
    ['a list', sli, '- a', /^It is not a map$/],
    ['no YAML', sli, 'a: [', /^It is not YAML: /],
    ['two documents', sli, 'a: 1\n---\nb: 2', /^It is not YAML: /],
    ['no indicators', sli, 'objectives: []', /^"indicators" is not a map$/],
    ['empty indicators', sli, 'indicators: {}', /^"indicators" is empty$/],
    ['a number for a query', sli, 'indicators: { a: 5 }', /^The query of "a" is not a text/],
    ['names that become one', sli, 'indicators: { a_b: x, A-B: y }', /^Rename the SLI "A-B"/],
    ['a name without a letter', sli, 'indicators: { "--": x }', /^Rename the SLI "--"/],
    ['no objectives', slo, score, /^"objectives" is empty$/],
    ['objectives that are no list', slo, 'objectives: 5', /^"objectives" is not a list$/],
    ['an objective that is none', slo, 'objectives: [5]', /^objectives\[0\] is not a map$/],
    ['an objective without SLI', slo, 'objectives: [{}]', /^objectives\[0\]\.sli is not a text/],
    [
      'criteria that are no list',
      slo,
      "objectives: [{ sli: a, pass: [{ criteria: '<5' }] }]",
      /^objectives\[0\] \("a"\)\.pass\[0\]\.criteria is not a list$/,
    ],
    [
      'a criterion that is a number',
      slo,
      'objectives: [{ sli: a, pass: [{ criteria: [5] }] }]',
      /^objectives\[0\] \("a"\)\.pass\[0\]\.criteria\[0\] is not a text: put it in quotes$/,
    ],
    [
      'a criterion without operator',
      slo,
      "objectives: [{ sli: b }, { sli: a, pass: [{ criteria: ['5'] }] }]",
      /^objectives\[1\] \("a"\): Begin the criterion "5" with <=, <, >= or >$/,
    ],
    [
      'a weight that is none',
      slo,
      'objectives: [{ sli: a, weight: 1.5 }]',
      /^Set objectives\[0\] \("a"\)\.weight to a whole number from 0 to 1000000000$/,
    ],
    [
      'a weight that no definition may have',
      slo,
      'objectives: [{ sli: a, weight: 1000000001 }]',
      /^Set objectives\[0\] \("a"\)\.weight to a whole number from 0 to 1000000000$/,
    ],
    [
      'a yes of old YAML',
      slo,
      'objectives: [{ sli: a, key_sli: yes }]',
      /^Set objectives\[0\] \("a"\)\.key_sli to true or false$/,
    ],
    ['no total score', slo, 'objectives: [{ sli: a }]', /^"total_score" is not a map$/],
    [
      'a score that is a number',
      slo,
      'objectives: [{ sli: a }]\ntotal_score: { pass: 90, warning: 75% }',
      /^total_score\.pass is not a text: put it in quotes$/,
    ],
    [
      'a score that is none',
      slo,
      "objectives: [{ sli: a }]\ntotal_score: { pass: 'most', warning: 75% }",
      /^Set total_score\.pass to a percentage from "0%" to "100%": it is "most"$/,
    ],
    [
      'a score beyond all',
      slo,
      'objectives: [{ sli: a }]\ntotal_score: { pass: 101%, warning: 75% }',
      /^Set total_score\.pass to a percentage/,
    ],
    [
      'a warning above the pass',
      slo,
      'objectives: [{ sli: a }]\ntotal_score: { pass: 75.2%, warning: 74.9% }',
      /^Set total_score\.warning below total_score\.pass: rounded they are 75% and 75%$/,
    ],
    [
      'more objectives than a definition has',
      slo,
      scored(`objectives: [${'{ sli: a },'.repeat(501)}]`),
      /^Split the objectives/,
    ],
  ] as const)('%s', (_sentence, convert, text, message) => {
    expect(() => convert(text)).toThrow(ConversionError)
    expect(() => convert(text)).toThrow(message)
  })

  test.each(['', 'A', 'a_b', '-a', 'a.', 'a'.repeat(254)])('a namespace "%s"', (name) => {
    const refused = /^Set --keptn-provider-namespace to a name/
    const indicators = 'indicators: { a: x }'
    expect(() => convertSli(indicators, { ...sliOptions, providerNamespace: name })).toThrow(
      refused,
    )
  })
})

/** Converts, or throws what a person can read. */
const outcome = (convert: () => { readonly yaml: string }): string | undefined => {
  try {
    return convert().yaml
  } catch (error) {
    expect(error).toBeInstanceOf(ConversionError)
    expect((error as Error).message).not.toBe('')
    return undefined
  }
}

test('no input makes a converter crash', () => {
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.anything().map((value) => {
      try {
        return stringify(value)
      } catch {
        // What YAML has no form for is no file.
        return ''
      }
    }),
    fc
      .dictionary(fc.string(), fc.anything())
      .map((indicators) => JSON.stringify({ indicators, objectives: [indicators] }, plain)),
    fc
      .record(
        {
          sli: fc.string(),
          weight: fc.anything(),
          key_sli: fc.anything(),
          pass: fc.anything(),
          warning: fc.array(fc.record({ criteria: fc.array(fc.string()) })),
        },
        { requiredKeys: [] },
      )
      .map((one) => JSON.stringify({ objectives: [one], total_score: one }, plain)),
  )
  fc.assert(
    fc.property(anything, (text) => {
      outcome(() => sli(text))
      outcome(() => slo(text))
    }),
    { numRuns: 2000 },
  )
})

/** Numbers that JSON does not have. */
const plain = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value

test.each(['['.repeat(20_000), '{"a":'.repeat(20_000), `a: &a [x]\nb: [${'*a,'.repeat(5000)}]`])(
  'nor does one that is built for it',
  (text) => {
    outcome(() => sli(text))
    outcome(() => slo(text))
  },
)

test('readers of old and of new YAML find in a template the query that was written', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9})?$/)
  const query = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('yes', 'y', '~', '1:30', '0x1F', '1_000', '.inf', '- a', '# a', ' a\n b\n\n'),
  )
  fc.assert(
    fc.property(fc.dictionary(name, query, { minKeys: 1, noNullPrototype: true }), (indicators) => {
      fc.pre(!Object.values(indicators).some((text) => /\$[A-Z]/.test(text)))
      const { yaml } = sli(JSON.stringify({ indicators }))
      for (const version of ['1.1', '1.2'] as const) {
        const read = parseAllDocuments(yaml, { version }).map(
          (document) =>
            document.toJS() as { metadata: { name: unknown }; spec: { query: unknown } },
        )
        expect(read.map(({ metadata, spec }) => [metadata.name, spec.query])).toEqual(
          Object.entries(indicators),
        )
      }
    }),
    { numRuns: 1000 },
  )
})

test('a merged map counts, as in Kubernetes', () => {
  const text = `
base: &base { pass: [{ criteria: ['<5'] }] }
objectives: [{ sli: a, <<: *base }]
total_score: { pass: 90%, warning: 75% }`
  expect(parse(slo(text).yaml)).toMatchObject({
    spec: { objectives: [{ target: { failure: { greaterThanOrEqual: { fixedValue: '5' } } } }] },
  })
})
