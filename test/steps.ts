/**
 * The steps that `npm run check` and `npm test` are made of: each is a program that succeeds or fails.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const bin = join(root, 'node_modules', '.bin')

/** A program to run, under a name that people read. */
export interface Step {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

const run = (
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...env },
    })
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })

/** Runs jest as an ES module program, with variables besides those of this process; answers its exit code. */
export const runJest = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> =>
  run(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
      ...args,
    ],
    // esbuild and the cluster's programs are started by tests, too.
    { PATH: `${bin}:${process.env['PATH'] ?? ''}`, ...env },
  )

/** Everything that needs no cluster and no root: what one runs before a commit. */
export const checks: readonly Step[] = [
  { name: 'types', command: join(bin, 'tsc'), args: ['-p', '.'] },
  { name: 'lint', command: join(bin, 'eslint'), args: ['.', '--max-warnings', '0'] },
  { name: 'format', command: join(bin, 'prettier'), args: ['--check', '--log-level', 'warn', '.'] },
  {
    name: 'dependency rules',
    command: join(bin, 'depcruise'),
    args: ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', '.'],
  },
  {
    name: 'generated files',
    command: process.execPath,
    args: ['manifests/generate.ts', '--check'],
  },
]

/** Runs steps one after the other; answers the names of those that failed. */
export const runSteps = async (steps: readonly Step[]): Promise<readonly string[]> => {
  const failed: string[] = []
  for (const step of steps) {
    const start = performance.now()
    const code = await run(step.command, step.args)
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${step.name} (${seconds} s)\n`)
    if (code !== 0) failed.push(step.name)
  }
  return failed
}
