/**
 * Writes OCI images from files of this machine, without a container engine.
 *
 * Equal input gives an equal image: entries are sorted, carry no time and belong to root, and an image's tag is made of
 * its content. A new build therefore always has a new name, and a tag never means two things.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, readFile, readdir, realpath, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { pack, type Header } from 'tar-stream'

/** A file of an image: bytes, the file of this machine to copy, or a symbolic link. */
export interface ImageFile {
  /** Absolute, in the image. */
  readonly path: string
  readonly content: Buffer | string | { readonly from: string } | { readonly linkTo: string }
  /** 0644 if not said. */
  readonly mode?: number
}

/** A folder of an image that is empty, or needs a mode of its own. */
export interface ImageFolder {
  readonly path: string
  readonly mode: number
}

/** Files that change together. Layers that two images have in common are stored and sent once. */
export interface Layer {
  readonly folders?: readonly ImageFolder[]
  readonly files: readonly ImageFile[]
}

/** How the image runs when nobody says otherwise. */
export interface ImageSettings {
  readonly entrypoint: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly user: string
  readonly workingDir: string
  readonly labels: Readonly<Record<string, string>>
}

/** What an image is made of. */
export interface ImageRecipe {
  readonly name: string
  readonly layers: readonly Layer[]
  readonly settings: ImageSettings
}

/** An image that was built. */
export interface Image {
  /** As a pod names it: `localhost/<name>:<12 hex digits of the content>`. */
  readonly reference: string
  /** A tar file with an OCI layout, which `docker load` understands too. */
  readonly archive: string
}

interface Blob {
  readonly digest: string
  readonly content: Buffer
}

const unchanging = { mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '' }

const blobOf = (content: Buffer): Blob => ({
  digest: `sha256:${createHash('sha256').update(content).digest('hex')}`,
  content,
})

const jsonBlob = (value: unknown): Blob => blobOf(Buffer.from(JSON.stringify(value)))

type Copied = Exclude<ImageFile['content'], { readonly linkTo: string }>

const bytesOf = async (content: Copied): Promise<Buffer> => {
  if (typeof content === 'string') return Buffer.from(content)
  return Buffer.isBuffer(content) ? content : readFile(await realpath(content.from))
}

const isLink = (content: ImageFile['content']): content is { readonly linkTo: string } =>
  typeof content === 'object' && 'linkTo' in content

/** All folders above the paths, the uppermost first. */
const foldersAbove = (paths: readonly string[]): string[] => {
  const folders = new Set<string>()
  for (const path of paths) {
    for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) folders.add(folder)
  }
  return [...folders]
}

const byPath = (a: { readonly path: string }, b: { readonly path: string }): number =>
  a.path < b.path ? -1 : 1

const layerBlob = async ({ folders = [], files }: Layer): Promise<Blob> => {
  const tar = pack()
  const collected = buffer(tar)
  const modes = new Map(folders.map(({ path, mode }) => [path, mode]))
  const paths = [...files, ...folders].map(({ path }) => path)
  const all = new Set([...foldersAbove(paths), ...modes.keys()])
  for (const path of [...all].sort()) {
    tar.entry({
      ...unchanging,
      name: path.slice(1),
      type: 'directory',
      mode: modes.get(path) ?? 0o755,
    })
  }
  // Read side by side: an image may have thousands of files.
  for (const entry of await Promise.all([...files].sort(byPath).map(entryOf))) {
    tar.entry(entry.header, entry.content)
  }
  tar.finalize()
  return blobOf(await collected)
}

interface Entry {
  readonly header: Pick<Header, 'name'> & Partial<Header>
  readonly content: Buffer
}

const entryOf = async ({ path, content, mode = 0o644 }: ImageFile): Promise<Entry> => {
  const name = path.slice(1)
  if (!isLink(content)) {
    return { header: { ...unchanging, name, mode }, content: await bytesOf(content) }
  }
  const header = { ...unchanging, name, type: 'symlink', linkname: content.linkTo } as const
  return { header, content: Buffer.alloc(0) }
}

const architecture = (): string => (process.arch === 'x64' ? 'amd64' : process.arch)

const configOf = ({ settings }: ImageRecipe, layers: readonly Blob[]): Blob =>
  jsonBlob({
    architecture: architecture(),
    os: 'linux',
    created: unchanging.mtime.toISOString(),
    config: {
      User: settings.user,
      Env: Object.entries(settings.env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: settings.entrypoint,
      WorkingDir: settings.workingDir,
      Labels: settings.labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(() => ({ created: unchanging.mtime.toISOString() })),
  })

const ociType = (what: string): string => `application/vnd.oci.image.${what}`

const descriptor = (mediaType: string, { digest, content }: Blob): object => ({
  mediaType,
  digest,
  size: content.length,
})

const blobPath = ({ digest }: Blob): string => `blobs/${digest.replace(':', '/')}`

interface Assembled {
  readonly reference: string
  readonly config: Blob
  readonly layers: readonly Blob[]
}

/** The files of an OCI layout, and beside them the index that `docker save` writes. */
const archiveFiles = ({ reference, config, layers }: Assembled): (readonly [string, Blob])[] => {
  const manifest = jsonBlob({
    schemaVersion: 2,
    mediaType: ociType('manifest.v1+json'),
    config: descriptor(ociType('config.v1+json'), config),
    layers: layers.map((layer) => descriptor(ociType('layer.v1.tar'), layer)),
  })
  const index = jsonBlob({
    schemaVersion: 2,
    mediaType: ociType('index.v1+json'),
    manifests: [
      {
        ...descriptor(ociType('manifest.v1+json'), manifest),
        platform: { architecture: architecture(), os: 'linux' },
        annotations: {
          'io.containerd.image.name': reference,
          'org.opencontainers.image.ref.name': reference.slice(reference.lastIndexOf(':') + 1),
        },
      },
    ],
  })
  const dockerIndex = jsonBlob([
    { Config: blobPath(config), RepoTags: [reference], Layers: layers.map(blobPath) },
  ])
  return [
    ['oci-layout', jsonBlob({ imageLayoutVersion: '1.0.0' })],
    ['index.json', index],
    ['manifest.json', dockerIndex],
    ...[manifest, config, ...layers].map((blob) => [blobPath(blob), blob] as const),
  ]
}

const writeArchive = async (file: string, image: Assembled): Promise<void> => {
  const tar = pack()
  const unfinished = `${file}.${process.pid}`
  const written = pipeline(tar, createWriteStream(unfinished))
  for (const [name, { content }] of archiveFiles(image)) {
    tar.entry({ ...unchanging, name, mode: 0o644 }, content)
  }
  tar.finalize()
  await written
  await rename(unfinished, file)
}

/** Longer than bringing an archive to a cluster takes: what another process has just written may be on its way there. */
const keptMs = 15 * 60_000

/** Removes archives of builds that are past: each has a runtime in it, and together they would fill a disk. */
const prune = async (folder: string, name: string): Promise<void> => {
  const archives = (await readdir(folder)).filter(
    (file) => file.startsWith(`${name}-`) && file.endsWith('.tar'),
  )
  for (const archive of archives) {
    const file = join(folder, archive)
    // Another process may have removed it.
    const used = (await stat(file).catch(() => undefined))?.mtimeMs ?? 0
    if (Date.now() - used > keptMs) await rm(file, { force: true })
  }
}

/** Builds an image and writes its archive into the folder, unless one of the same content is there already. */
export const buildImage = async (recipe: ImageRecipe, folder: string): Promise<Image> => {
  const layers = await Promise.all(recipe.layers.map(layerBlob))
  const config = configOf(recipe, layers)
  const tag = config.digest.slice('sha256:'.length, 'sha256:'.length + 12)
  const reference = `localhost/${recipe.name}:${tag}`
  const archive = join(folder, `${recipe.name}-${tag}.tar`)
  if (existsSync(archive)) {
    await utimes(archive, new Date(), new Date())
  } else {
    await mkdir(folder, { recursive: true })
    await writeArchive(archive, { reference, config, layers })
  }
  await prune(folder, recipe.name)
  return { reference, archive }
}
