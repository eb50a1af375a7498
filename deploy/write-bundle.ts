/** Writes the bundle of Gatekept into the folder given as argument, for the Dockerfile. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bundle } from './bundle.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('Usage: node deploy/write-bundle.ts FOLDER')
for (const { path, content } of await bundle()) {
  const file = join(folder, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
}
