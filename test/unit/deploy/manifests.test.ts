import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { readKustomization, readManifests, withImages } from '../../../deploy/manifests.ts'
import type { Manifest } from '../../../deploy/manifests.ts'

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
