import { mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { extract } from 'tar-stream'
import type { Header } from 'tar-stream'
import { buildImage } from '../../../deploy/image.ts'
import type { ImageRecipe } from '../../../deploy/image.ts'
import { librariesIn } from '../../../deploy/libraries.ts'

const recipe: ImageRecipe = {
  name: 'thing',
  layers: [
    { folders: [{ path: '/tmp', mode: 0o1777 }], files: [{ path: '/etc/b', content: 'b' }] },
    {
      files: [
        { path: '/app/z.txt', content: 'z' },
        { path: '/app/a/run', content: 'a', mode: 0o755 },
        { path: '/app/a/walk', content: { linkTo: 'run' } },
      ],
    },
  ],
  settings: {
    entrypoint: ['/app/a/run'],
    env: { HOME: '/tmp' },
    user: '65532:65532',
    workingDir: '/app',
    labels: { who: 'us' },
  },
}

interface Entry {
  readonly header: Header
  readonly content: Buffer
}

const untar = async (archive: Buffer): Promise<Map<string, Entry>> => {
  const entries = new Map<string, Entry>()
  const tar = Readable.from([archive]).pipe(extract())
  for await (const entry of tar) {
    entries.set(entry.header.name, { header: entry.header, content: await buffer(entry) })
  }
  return entries
}

interface Manifest {
  readonly config: { readonly digest: string }
  readonly layers: readonly { readonly digest: string; readonly size: number }[]
}

const blobIn = (archive: Map<string, Entry>, digest: string): Buffer =>
  archive.get(`blobs/${digest.replace(':', '/')}`)?.content ?? Buffer.alloc(0)

const readJson = (bytes: Buffer | undefined): unknown => JSON.parse(String(bytes))

const manifestIn = (archive: Map<string, Entry>): Manifest => {
  const index = readJson(archive.get('index.json')?.content) as {
    manifests: [{ digest: string }]
  }
  return readJson(blobIn(archive, index.manifests[0].digest)) as Manifest
}

describe('an image', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'images-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  const read = async (file: string): Promise<Map<string, Entry>> => untar(readFileSync(file))

  test('has the files of its layers, in order, with root as owner and no time', async () => {
    const archive = await read((await buildImage(recipe, folder)).archive)
    const { layers } = manifestIn(archive)
    const entries = await untar(blobIn(archive, layers[1]?.digest ?? ''))
    expect([...entries.keys()]).toEqual(['app', 'app/a', 'app/a/run', 'app/a/walk', 'app/z.txt'])
    for (const { header } of entries.values()) {
      expect({ mtime: header.mtime.getTime(), uid: header.uid, gid: header.gid }).toEqual({
        mtime: 0,
        uid: 0,
        gid: 0,
      })
    }
    expect(entries.get('app/a/run')?.header.mode).toBe(0o755)
    expect(entries.get('app/z.txt')?.header.mode).toBe(0o644)
    expect(entries.get('app/a/walk')?.header).toMatchObject({ type: 'symlink', linkname: 'run' })
  })

  test('has a /tmp that everybody may write to', async () => {
    const archive = await read((await buildImage(recipe, folder)).archive)
    const entries = await untar(blobIn(archive, manifestIn(archive).layers[0]?.digest ?? ''))
    expect(entries.get('tmp')?.header.mode).toBe(0o1777)
  })

  test('says who runs it and how', async () => {
    const archive = await read((await buildImage(recipe, folder)).archive)
    const config = readJson(blobIn(archive, manifestIn(archive).config.digest)) as {
      config: object
      rootfs: { diff_ids: string[] }
    }
    expect(config.config).toEqual({
      User: '65532:65532',
      Env: ['HOME=/tmp'],
      Entrypoint: ['/app/a/run'],
      WorkingDir: '/app',
      Labels: { who: 'us' },
    })
    expect(config.rootfs.diff_ids).toEqual(manifestIn(archive).layers.map(({ digest }) => digest))
  })

  test('names blobs by their content and sizes', async () => {
    const archive = await read((await buildImage(recipe, folder)).archive)
    for (const { digest, size } of manifestIn(archive).layers) {
      expect(blobIn(archive, digest)).toHaveLength(size)
    }
  })

  test('of equal input, however it is ordered, is equal to the byte', async () => {
    const shuffled: ImageRecipe = {
      ...recipe,
      layers: recipe.layers.map((layer) => ({ ...layer, files: [...layer.files].reverse() })),
    }
    const first = await buildImage(recipe, folder)
    const bytes = readFileSync(first.archive)
    rmSync(first.archive)
    const second = await buildImage(shuffled, folder)
    expect(second.reference).toBe(first.reference)
    expect(readFileSync(second.archive).equals(bytes)).toBe(true)
  })

  test('of other content, or run otherwise, has another tag', async () => {
    const { reference } = await buildImage(recipe, folder)
    expect(reference).toMatch(/^localhost\/thing:[0-9a-f]{12}$/)
    const content = { ...recipe, layers: [{ files: [{ path: '/etc/b', content: 'c' }] }] }
    const settings = { ...recipe, settings: { ...recipe.settings, entrypoint: ['/app/b'] } }
    expect((await buildImage(content, folder)).reference).not.toBe(reference)
    expect((await buildImage(settings, folder)).reference).not.toBe(reference)
  })

  test('takes the place of what was built long ago, and of nothing that may be in use', async () => {
    const { archive } = await buildImage(recipe, folder)
    const files = { old: 'thing-0.tar', fresh: 'thing-1.tar', other: 'thang-0.tar' }
    for (const name of Object.values(files)) writeFileSync(join(folder, name), '')
    const longAgo = new Date(Date.now() - 3_600_000)
    for (const name of [files.old, files.other]) utimesSync(join(folder, name), longAgo, longAgo)
    utimesSync(archive, longAgo, longAgo)
    await buildImage(recipe, folder)
    expect(readdirSync(folder).sort()).toEqual([basename(archive), files.fresh, files.other].sort())
  })

  test('leaves no unfinished file behind', async () => {
    await buildImage(recipe, folder)
    await buildImage(recipe, folder)
    expect(readdirSync(folder)).toHaveLength(1)
  })
})

describe('the libraries of a program', () => {
  test('are those that ldd found, and the loader, but not what the kernel provides', () => {
    const output = [
      '\tlinux-vdso.so.1 (0x00007fc2ccb01000)',
      '\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007fc2cc9e1000)',
      '\tlibgone.so => not found',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007fc2ccb03000)',
    ].join('\n')
    expect(librariesIn(output)).toEqual([
      '/lib/x86_64-linux-gnu/libm.so.6',
      '/lib64/ld-linux-x86-64.so.2',
    ])
  })

  test('are none for a static program', () => {
    expect(librariesIn('\tstatically linked\n')).toEqual([])
  })
})
