/**
 * Rules about the code as a whole that neither the compiler nor the linter knows. Who may import whom is checked by
 * dependency-cruiser.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import ts from 'typescript'
import { conditionTypes, resources } from '../api/index.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)))
const product = files.filter((file) => file.endsWith('.ts') && !file.startsWith('test/'))

/** Exported constants, functions and classes without a doc comment, as `file:line name`. */
const undocumented = (file: string): readonly string[] => {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true)
  return source.statements.flatMap((statement) => {
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
    const isValue =
      ts.isVariableStatement(statement) ||
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement)
    if (!isExported || !isValue || ts.getJSDocCommentsAndTags(statement).length > 0) return []
    const { line } = source.getLineAndCharacterOfPosition(statement.getStart())
    return [`${file}:${line + 1} ${statement.getText().slice(0, 60).replace(/\n.*/s, '')}`]
  })
}

describe('the code', () => {
  test('says on each export what it is for', () => {
    // Kubernetes' own kinds and ours are told by their schemas and by Kubernetes.
    const told = product.filter((file) => !file.startsWith('api/kubernetes.ts'))
    expect(told.flatMap(undocumented)).toEqual([])
  })

  test('has no drawer for odds and ends', () => {
    const names = files.flatMap((file) => [basename(file), ...dirname(file).split('/')])
    const drawers = names.filter((name) => /^(common|utils?|helpers?|shared|misc)(\.|$)/.test(name))
    expect(drawers).toEqual([])
  })

  test('has no left-over work', () => {
    const leftOver = product.filter((file) => /\b(TODO|FIXME|XXX|HACK)\b/.test(read(file)))
    expect(leftOver).toEqual([])
  })

  test('reads the environment in entry points alone', () => {
    const parts = /^(api|identity|kube|webhook|gate|lifecycle|metrics|certs|telemetry)\//
    const readers = product.filter(
      (file) =>
        parts.test(file) && !/(^|\/)main\.ts$/.test(file) && /process\.env\b/.test(read(file)),
    )
    // The default of a parameter, which an entry point may leave out.
    expect(readers).toEqual(['kube/connection.ts'])
  })
})

describe('the pages', () => {
  test('tell in each folder of the product where to start', () => {
    const folders = ['api', 'identity', 'kube', 'webhook', 'gate', 'lifecycle', 'metrics', 'certs']
    const silent = [...folders, 'telemetry', 'controller', 'deploy', 'demo', 'test/cluster'].filter(
      (folder) => !existsSync(join(root, folder, 'README.md')),
    )
    expect(silent).toEqual([])
  })

  test('name each library with what it is for', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
      'dependencies' | 'devDependencies',
      Readonly<Record<string, string>>
    >
    const architecture = read('ARCHITECTURE.md')
    const unnamed = [...Object.keys(dependencies), ...Object.keys(devDependencies)]
      .filter((name) => !name.startsWith('@types/'))
      .filter((name) => !architecture.includes(name))
    expect(unnamed).toEqual([])
  })

  test('have a reference page for each kind', () => {
    const missing = resources.filter(
      ({ kind }) => !existsSync(join(root, 'docs', 'reference', `${kind.toLowerCase()}.md`)),
    )
    expect(missing).toEqual([])
  })

  test('speak of the verdict by the name that it has', () => {
    expect(read('ARCHITECTURE.md')).toContain(conditionTypes.preDeploymentPassed)
  })

  test('lead nowhere that is not there', () => {
    const pages = files.filter((file) => file.endsWith('.md'))
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => !existsSync(join(root, dirname(page), target)))
        .map((target) => `${page}: ${target}`),
    )
    expect(broken).toEqual([])
  })
})
