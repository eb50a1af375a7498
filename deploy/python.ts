/**
 * Debian's Python with the libraries that tasks may use, as files for an image.
 *
 * It is kept in the user's cache: packages are fetched and compiled once on a machine.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, readlink, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { thisMachine } from '../test/cluster/machine.ts'
import { run } from '../test/cluster/run.ts'
import { unpackWithDependencies } from './debian.ts'
import type { ImageFile } from './image.ts'

/** The packages that make the image of Python tasks; its Dockerfile names the same. */
export const pythonPackages = [
  'ca-certificates',
  'python3',
  'python3-git',
  'python3-requests',
  'python3-yaml',
  'tzdata',
] as const

/** What Debian's images have without being asked. */
const alwaysThere = ['dash', 'libc-bin'] as const

/** Needed by installing packages, by reading manuals, and by commands of git that are written in Perl. */
const leftOut =
  /^(dpkg|debconf|debianutils|tar|openssl|git-man|perl|perl-.*|lib.*perl.*|lib(gdbm|db5).*)$/

const kept = ['/usr/share/ca-certificates/', '/usr/share/git-core/', '/usr/share/zoneinfo/']
/** Manuals and the like, and character sets of the C library, which Python brings itself. */
const unused = /^\/(usr\/share|usr\/lib\/[^/]+\/gconv|usr\/sbin|etc\/bash_completion\.d|var)\//

/** What lies in these is in the folder of that name below `/usr` for long; the packages still have both. */
const merged = /^\/(bin|sbin|lib|lib64)\//

const compile = async (folder: string): Promise<void> => {
  const libraries = join(folder, 'usr', 'lib')
  const modules = (await readdir(libraries)).filter((name) => name.startsWith('python3'))
  const native = await Promise.all(
    [join(folder, 'lib'), libraries].map(async (place) =>
      (await readdir(place))
        .filter((name) => name.endsWith('-gnu'))
        .map((name) => join(place, name)),
    ),
  )
  // Files of an image have no time: what is compiled holds for as long as the image does.
  await run(
    [
      ...([join(folder, 'usr', 'bin', 'python3'), '-m', 'compileall', '-q', '-j', '0'] as const),
      ...['--invalidation-mode', 'unchecked-hash', '-s', folder, '-p', '/'],
      ...modules.map((name) => join(libraries, name)),
    ],
    { env: { PYTHONHOME: join(folder, 'usr'), LD_LIBRARY_PATH: native.flat().join(':') } },
  )
}

/** A folder with Python in it, as below `/`. */
const pythonFolder = async (): Promise<string> => {
  const content = JSON.stringify([pythonPackages, alwaysThere, String(leftOut)])
  const name = createHash('sha256').update(content).digest('hex').slice(0, 12)
  const folder = join(thisMachine().cacheFolder, '..', 'python', name)
  if (!existsSync(folder)) {
    const unfinished = `${folder}.${process.pid}`
    await mkdir(dirname(folder), { recursive: true })
    await unpackWithDependencies([...pythonPackages, ...alwaysThere], unfinished, leftOut)
    await compile(unfinished)
    await rename(unfinished, folder).catch(async () => {
      await rm(unfinished, { recursive: true }) // Another process was faster.
    })
  }
  return folder
}

const isWanted = (path: string): boolean =>
  kept.some((start) => path.startsWith(start)) || !unused.test(path)

const trusted = '/etc/ssl/certs/ca-certificates.crt'

const certificates = async (folder: string): Promise<ImageFile> => {
  const place = join(folder, 'usr', 'share', 'ca-certificates', 'mozilla')
  const files = (await readdir(place)).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(place, file), 'utf8')))
  return { path: trusted, content: texts.join('') }
}

const fileOf = async (folder: string, path: string): Promise<ImageFile> => {
  const from = join(folder, path)
  const inImage = path.replace(merged, '/usr/$1/')
  const linkTo = await readlink(from).catch(() => undefined) // It is no link.
  if (linkTo !== undefined) return { path: inImage, content: { linkTo } }
  const { mode } = await stat(from)
  return { path: inImage, content: { from }, mode: mode & 0o755 }
}

/** Python, its libraries, git, and certificates, at their places in an image that has nothing else. */
export const pythonFiles = async (): Promise<readonly ImageFile[]> => {
  const folder = await pythonFolder()
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length))
    .filter((path) => isWanted(path.replace(merged, '/usr/$1/')))
  return [
    ...['bin', 'sbin', 'lib', 'lib64'].map((name) => ({
      path: `/${name}`,
      content: { linkTo: `usr/${name}` },
    })),
    ...(await Promise.all(paths.map((path) => fileOf(folder, path)))),
    await certificates(folder),
    // Where OpenSSL looks if nobody tells it; Debian has a folder there that installing fills.
    { path: '/usr/lib/ssl/cert.pem', content: { linkTo: trusted } },
  ]
}
