import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { ImageFile } from './image.ts'

/** The paths of shared libraries that the output of `ldd` names, the loader among them. */
export const librariesIn = (lddOutput: string): string[] =>
  [...lddOutput.matchAll(/(?:=>\s+|^\s+)(\/\S+) \(0x/gm)].flatMap(([, path]) => path ?? [])

/**
 * A program of this machine, at a path in an image, together with the shared libraries that it loads.
 * A program that is linked statically comes alone.
 */
export const programWithLibraries = async (from: string, path: string): Promise<ImageFile[]> => {
  // `ldd` fails on a static program, which needs nothing.
  const output = await promisify(execFile)('ldd', [from]).then(
    ({ stdout }) => stdout,
    () => '',
  )
  const libraries = librariesIn(output).map((library) => ({
    path: library,
    content: { from: library },
    mode: 0o755,
  }))
  return [{ path, content: { from }, mode: 0o755 }, ...libraries]
}
