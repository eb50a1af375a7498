/**
 * The images that run scripts, unpacked into folders, and their programs run there: what happens in a task's container,
 * without a cluster.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Image } from '../../../deploy/image.ts'
import { run } from '../../cluster/run.ts'

/** What a program has come to. */
export interface Ended {
  readonly code: number | null
  readonly output: string
  readonly complaint: string
}

/** How a script is run. */
export interface Order {
  /** The variable SCRIPT. */
  readonly script: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** When the program is told to end. */
  readonly stopAfterMs?: number
}

/** An image in a folder. */
export interface UnpackedImage {
  readonly runScript: (order: Order) => Promise<Ended>
  /** Puts a file where every user can read it. */
  readonly write: (path: string, content: string) => Promise<void>
  readonly remove: () => Promise<void>
}

interface Config {
  readonly config: {
    readonly Env: readonly string[]
    readonly User: string
    readonly Entrypoint: readonly string[]
  }
}

/** Unpacks the layers into the folder, and answers how the image wants to be run. */
const unpack = async (image: Image, folder: string): Promise<Config['config']> => {
  const blobs = await mkdtemp(join(tmpdir(), 'image-'))
  await run(['tar', '-xf', image.archive, '-C', blobs])
  const readJson = async (path: string): Promise<unknown> =>
    JSON.parse(await readFile(join(blobs, path), 'utf8'))
  const [manifest] = (await readJson('manifest.json')) as [{ Config: string; Layers: string[] }]
  for (const layer of manifest.Layers) {
    await run(['tar', '-xf', join(blobs, layer), '-C', folder])
  }
  const { config } = (await readJson(manifest.Config)) as Config
  await rm(blobs, { recursive: true })
  return config
}

const devices = [
  ['null', '3'],
  ['urandom', '9'],
] as const

/** Deno wants to know where it lies. The mount ends with the program, of which it is the same process all along. */
const inOwnRoot = 'mount --rbind /proc "$1/proc" && exec /usr/sbin/chroot --userspec="$0" "$@"'

/** Unpacks an image. Its programs find the machine's network, and these names: lines of `/etc/hosts`. */
export const unpackImage = async (image: Image, hosts: string): Promise<UnpackedImage> => {
  const root = await mkdtemp(join(tmpdir(), 'runtime-'))
  const { Env, User, Entrypoint } = await unpack(image, root)
  await chmod(root, 0o755)
  await mkdir(join(root, 'dev'))
  await mkdir(join(root, 'proc'), { recursive: true })
  for (const [name, minor] of devices) {
    await run(['mknod', '-m', '666', join(root, 'dev', name), 'c', '1', minor])
  }
  const write: UnpackedImage['write'] = async (path, content) => {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  await write('/etc/hosts', hosts)
  await write('/etc/host.conf', 'multi on\n')
  return {
    write,
    runScript: async ({ script, args = [], env = {}, stopAfterMs }) => {
      const variables = Object.entries({ CMD_ARGS: '', SCRIPT: script, ...env })
      const child = spawn(
        '/usr/bin/unshare',
        ['--mount', '/bin/sh', '-c', inOwnRoot, User, root, ...Entrypoint, ...args],
        {
          env: Object.fromEntries([
            ...Env.map((variable) => variable.split('=', 2) as [string, string]),
            ...variables,
          ]),
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
      const stop =
        stopAfterMs === undefined ? undefined : setTimeout(() => child.kill(), stopAfterMs)
      const [output, complaint, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close') as Promise<[number | null]>,
      ])
      clearTimeout(stop)
      return { code, output, complaint }
    },
    remove: () => rm(root, { recursive: true }),
  }
}
