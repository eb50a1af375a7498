import { spawn } from 'node:child_process'

/** A cluster could not be built, started, used or ended; the message says what to do about it. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
}

/** How to run a command. */
export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly timeoutMs?: number
}

type Command = readonly [program: string, ...args: string[]]

const lastLines = (text: string, count: number): string =>
  text.trim().split('\n').slice(-count).join('\n')

const environment = (extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
  ...extra,
})

/**
 * Runs a command to its end and gives what it wrote to its standard output.
 *
 * Throws a `ClusterError` with the last of what it said if it fails, or if it takes longer than `timeoutMs`
 * (two minutes if not said).
 */
export const run = (command: Command, options: RunOptions = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const [program, ...args] = command
    const { cwd, env = {}, input = '', timeoutMs = 120_000 } = options
    const child = spawn(program, args, {
      cwd,
      env: environment(env),
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    const shown = command.join(' ')
    let output = ''
    let complaint = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
    // A command that ends without reading its input is judged by its exit code alone.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    child.on('error', (cause) => {
      reject(new ClusterError(`Cannot run "${shown}": ${cause.message}`, { cause }))
    })
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve(output)
        return
      }
      const how = signal === null ? `exit code ${code ?? 1}` : `${signal} (limit ${timeoutMs} ms)`
      const said = lastLines(complaint === '' ? output : complaint, 20)
      reject(new ClusterError(`Cannot run "${shown}": ${how}${said === '' ? '' : `\n${said}`}`))
    })
  })

/** Waits, without keeping anything else from running. */
export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

/** Something awaited: what it is called in the error, how to tell, and how long it may take. */
export interface Awaited {
  readonly what: string
  readonly check: () => boolean | Promise<boolean>
  readonly timeoutMs?: number
  readonly everyMs?: number
}

/** Resolves once the check holds. Throws what the check throws, or that it took too long. */
export const until = async (awaited: Awaited): Promise<void> => {
  const { what, check, timeoutMs = 120_000, everyMs = 50 } = awaited
  const deadline = Date.now() + timeoutMs
  while (!(await check())) {
    if (Date.now() > deadline) {
      throw new ClusterError(`Gave up waiting for ${what} after ${timeoutMs / 1000} s`)
    }
    await sleep(everyMs)
  }
}
