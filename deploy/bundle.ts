import { join } from 'node:path'
import { build } from 'esbuild'
import { leavingOut } from './left-out.ts'
import { root } from './paths.ts'

/** One file of a bundle, as it lies in the image below the application's folder. */
export interface BundledFile {
  readonly path: string
  readonly content: Buffer
}

// A library written for CommonJS asks for Node's own modules by `require`, which an ES module does not have.
const requireForCommonJs =
  "import { createRequire as __createRequire } from 'node:module';" +
  'const require = __createRequire(import.meta.url);'

/**
 * Bundles a program with everything it imports, so that the image needs no `node_modules`.
 *
 * What a program imports dynamically becomes a file of its own: a role loads what it needs and no more. Names stay as
 * they are written, so that a stack trace can be read without a source map.
 */
export const bundle = async (entry = join(root, 'main.ts')): Promise<readonly BundledFile[]> => {
  const outdir = join(root, 'dist', 'bundle')
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { main: entry },
    outdir,
    bundle: true,
    splitting: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunks/[name]-[hash]',
    plugins: [leavingOut],
    minifySyntax: true,
    minifyWhitespace: true,
    // A place in a stack trace stays a place that can be found.
    lineLimit: 200,
    // In files of their own: Node keeps the text of a program in memory, with its comments.
    legalComments: 'linked',
    logLevel: 'silent',
    banner: { js: requireForCommonJs },
  })
  return outputFiles
    .map(({ path, contents }) => ({
      path: path.slice(outdir.length + 1),
      content: Buffer.from(contents),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}
