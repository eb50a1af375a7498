/**
 * Runs one of the project's TypeScript programs on a machine that may have nothing but Node 20 and npm:
 * installs the npm packages when the lock file has changed since they were last installed, then starts the
 * program with the project's own Node, which understands TypeScript.
 *
 * Plain JavaScript, because the Node that starts it may not.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
const stamp = join(root, 'node_modules', '.installed-lock.json')
const node = join(root, 'node_modules', '.bin', 'node')

const quietly = ['--no-save', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error']

if (!existsSync(node) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  process.stderr.write('Installing npm packages (first time: about a minute)\n')
  // Not "npm ci": it demands that the lock file names the packages for every other platform, too, and a registry may not
  // have them all. The versions are those of the lock file here as well.
  const npm = spawnSync('npm', ['install', ...quietly], { cwd: root, stdio: ['ignore', 2, 2] })
  if (npm.status !== 0) {
    process.stderr.write(
      'Cannot install the npm packages: "npm install" failed; its message stands above\n',
    )
    process.exit(1)
  }
  writeFileSync(stamp, lock)
}

const [program, ...args] = process.argv.slice(2)
if (program === undefined) {
  process.stderr.write('Usage: node bootstrap.mjs PROGRAM.ts [ARGUMENT...]\n')
  process.exit(2)
}
const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, program), ...args], {
  stdio: 'inherit',
  env: { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH ?? ''}` },
})
// The terminal sends Ctrl-C to the whole group: the program decides what it means. A signal sent to this
// process alone is handed on.
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
process.on('SIGINT', () => undefined)
child.on('exit', (code, signal) => {
  process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal])
})
