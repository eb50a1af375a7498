import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'

/** An image made of one program that needs no libraries. */
export interface StaticImage {
  readonly name: string
  readonly program: string
  readonly entrypoint: string
  readonly output: string
}

const blockBytes = 512

/** One file of a tar archive: a header of fixed fields, the content, and zeros up to the next block. */
const tarEntry = (path: string, content: Buffer, mode: string): Buffer => {
  const header = Buffer.alloc(blockBytes)
  header.write(path, 0, 100)
  header.write(`${mode}\0`, 100)
  header.write('0000000\0', 108) // owner: root
  header.write('0000000\0', 116)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136) // the same input gives the same image, whenever it is made
  header.write(' '.repeat(8), 148) // the checksum counts its own field as spaces
  header.write('0', 156)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const padding = Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes)
  return Buffer.concat([header, content, padding])
}

const tar = (entries: readonly Buffer[]): Buffer =>
  Buffer.concat([...entries, Buffer.alloc(2 * blockBytes)])

const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex')

const describe = (mediaType: string, content: Buffer): object => ({
  mediaType: `application/vnd.oci.image.${mediaType}`,
  digest: `sha256:${digest(content)}`,
  size: content.length,
})

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

/** Writes an OCI image archive around one static program, without a container engine. */
export const writeImage = async (image: StaticImage): Promise<void> => {
  const { name, entrypoint } = image
  const program = await readFile(image.program)
  const layer = tar([tarEntry(entrypoint.replace(/^\//, ''), program, '0000755')])
  const config = json({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Entrypoint: [entrypoint], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest(layer)}`] },
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: describe('config.v1+json', config),
    layers: [describe('layer.v1.tar', layer)],
  })
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        ...describe('manifest.v1+json', manifest),
        annotations: { 'io.containerd.image.name': name },
      },
    ],
  })
  const file = (path: string, content: Buffer): Buffer => tarEntry(path, content, '0000644')
  const blobs = [layer, config, manifest].map((blob) => file(`blobs/sha256/${digest(blob)}`, blob))
  const layout = file('oci-layout', json({ imageLayoutVersion: '1.0.0' }))
  await writeFile(image.output, tar([layout, file('index.json', index), ...blobs]))
}
