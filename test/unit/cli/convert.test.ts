import { spawnSync } from 'node:child_process'
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { runConvert } from '../../../cli/convert.ts'

const files: Readonly<Record<string, string>> = {
  'sli.yaml': 'indicators: { a: up }',
  'slo.yaml':
    "objectives: [{ sli: a, pass: [{ criteria: ['<5'] }] }]\ntotal_score: { pass: 90%, warning: 75% }",
  'relative.yaml':
    "objectives: [{ sli: a, pass: [{ criteria: ['<+5%'] }] }]\ntotal_score: { pass: 90%, warning: 75% }",
  'bad.yaml': 'indicators: {}',
  '-': 'indicators: { piped: up }',
}

const run = async (line: string) => {
  const said = { code: 0, output: '', complaint: '' }
  said.code = await runConvert(
    {
      read: (file) =>
        files[file] === undefined
          ? Promise.reject(new Error('there is no such file'))
          : Promise.resolve(files[file]),
      print: (text) => (said.output += text),
      complain: (text) => (said.complaint += text),
    },
    line.split(' '),
  )
  return said
}

const provider = '--keptn-provider-name p --keptn-provider-namespace observing'
const definition = '--analysis-definition-name d --analysis-value-template-namespace observing'

describe('what is converted goes to standard output', () => {
  test.each([
    [`sli sli.yaml ${provider}`, 'name: a'],
    [`sli ${provider} -`, 'name: piped'],
    [`slo slo.yaml ${definition}`, 'name: d'],
    // Keptn's own ways.
    [
      `--convert-sli=sli.yaml --keptn-provider-name=p --keptn-provider-namespace=observing`,
      'name: a',
    ],
    [`--convert-slo=slo.yaml ${definition}`, 'name: d'],
    [
      `-convert-slo slo.yaml -analysis-definition-name d -keptn-provider-namespace observing`,
      'name: d',
    ],
    [`${provider} --convert-sli sli.yaml --analysis-value-template-namespace observing`, 'name: a'],
    [`--convert-sli sli.yaml --convert-slo slo.yaml ${provider}`, 'kind: AnalysisValueTemplate'],
  ])('%s', async (line, part) => {
    const { code, output, complaint } = await run(line)
    expect({ code, complaint }).toEqual({ code: 0, complaint: '' })
    expect(output).toContain(part)
    expect(output).toContain('namespace: observing')
  })
})

describe('what is wrong goes to standard error, and nothing to standard output', () => {
  test.each([
    [`sli missing.yaml ${provider}`, /^Cannot read "missing.yaml": there is no such file\n$/],
    [`sli bad.yaml ${provider}`, /^Cannot convert "bad.yaml": "indicators" is empty\n$/],
    [
      `sli sli.yaml --keptn-provider-name p`,
      /'--keptn-provider-namespace <namespace>' not specified/,
    ],
    [
      `slo slo.yaml --analysis-definition-name A --analysis-value-template-namespace b`,
      /Set --analysis-definition-name to a name/,
    ],
    [`--convert-sli=sli.yaml --keptn-provider-name=p`, /Set --keptn-provider-namespace to a name/],
    [`--convert-sli=sli.yaml ${provider} --sli-provider=x`, /unknown option '--sli-provider=x'/],
    [`slo ${definition}`, /missing required argument 'file'/],
    ['other', /unknown command 'other'/],
  ])('%s', async (line, complaint) => {
    const said = await run(line)
    expect(said).toMatchObject({ code: 1, output: '' })
    expect(said.complaint).toMatch(complaint)
  })
})

test('what counts for less than before is told, and converted all the same', async () => {
  const said = await run(`slo relative.yaml ${definition}`)
  expect(said.code).toBe(0)
  expect(said.output).toContain('target: {}')
  expect(said.complaint).toBe(
    'Note: objectives[0] ("a").pass: left out what compares with earlier values: <+5%\n',
  )
})

describe('as a process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatekept-convert-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'sli.yaml')
  writeFileSync(file, files['sli.yaml'] ?? '')
  const gatekept = (args: readonly string[], input = '') =>
    spawnSync(process.execPath, ['main.ts', ...args], { input, encoding: 'utf8' })

  test.each([
    ['a file', ['convert', 'sli', file, ...provider.split(' ')], ''],
    ['standard input', ['convert', 'sli', '-', ...provider.split(' ')], files['sli.yaml']],
    ['the flags of Keptn', [`--convert-sli=${file}`, ...provider.split(' ')], ''],
  ])('converts by %s', (_sentence, args, input) => {
    const { status, stdout, stderr } = gatekept(args, input)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^---\napiVersion: metrics.keptn.sh\/v1\n/)
  })

  test('ends with 1 when something is wrong', () => {
    const { status, stdout, stderr } = gatekept(['convert', 'sli', '-', ...provider.split(' ')])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toBe('Cannot convert "-": It is not a map\n')
  })
})
