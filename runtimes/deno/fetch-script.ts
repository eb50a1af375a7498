/**
 * Fetches a script for Deno: `fetch-script.ts URL FOLDER [--sha256=DIGEST]`.
 *
 * Leaves in the folder the code, and in the file `arguments` what to give to `deno run` so that the code runs as if it
 * had been loaded from its URL: what it imports by a relative path comes from there. Code is never left there that is not
 * what was asked for. It fails with one line on standard error and exit code 126.
 *
 * Twin of `runtimes/python/fetch-script.py`: the same limits, the same words.
 *
 * @module
 */

/** What is used of Deno. */
declare const Deno: {
  readonly args: readonly string[]
  readonly exit: (code: number) => never
  readonly addSignalListener: (signal: 'SIGTERM', handler: () => void) => void
  readonly stderr: { readonly writeSync: (bytes: Uint8Array) => number }
  readonly mkdirSync: (path: string, options: { readonly recursive: boolean }) => void
  readonly writeTextFileSync: (path: string, text: string) => void
}

const deadlineMs = 30_000
const attemptMs = 10_000
const firstPauseMs = 500
const longestPauseMs = 8_000
const maxBytes = 1024 * 1024
const maxRedirects = 5
/** What shells say of a program that was found and cannot be run. */
const exitCode = 126

/** Hosts from which Deno lets remote code import by default, as `deno run --help` lists them. */
const importableHosts = [
  'deno.land:443',
  'jsr.io:443',
  'esm.sh:443',
  'raw.esm.sh:443',
  'cdn.jsdelivr.net:443',
  'raw.githubusercontent.com:443',
  'gist.githubusercontent.com:443',
]

/** The code cannot be had; `mayPass`: another try may get it. */
class FetchError extends Error {
  readonly mayPass: boolean
  readonly retryAfterMs: number | undefined
  constructor(message: string, mayPass = false, retryAfterMs?: number) {
    super(message)
    this.mayPass = mayPass
    this.retryAfterMs = retryAfterMs
  }
}

interface Fetched {
  /** Where the code was found, after all redirects. */
  readonly url: URL
  readonly bytes: Uint8Array
}

/** A URL without what may be secret in it. */
const shown = (text: string): string => {
  const url = URL.parse(text)
  return url === null ? text : `${url.origin}${url.pathname}`
}

const give = (verb: 'fetch' | 'run', text: string, problem: string): never => {
  const line = `Cannot ${verb} "${shown(text)}": ${problem}`.replaceAll(/\s+/g, ' ')
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`))
  return Deno.exit(exitCode)
}

const parsed = (text: string, base?: URL): URL => {
  const url = URL.parse(text, base?.href)
  if (url === null) throw new FetchError('it is not a URL')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new FetchError(`it leads to "${url.protocol}", which is not http or https`)
  }
  return url
}

/** `fetch` does not take a URL with a name and a password in it. */
const request = (url: URL): readonly [URL, Headers] => {
  const headers = new Headers({ accept: '*/*', 'accept-encoding': 'identity' })
  if (url.username === '' && url.password === '') return [url, headers]
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  const bytes = new TextEncoder().encode(login)
  headers.set('authorization', `Basic ${btoa(String.fromCharCode(...bytes))}`)
  const plain = new URL(url)
  plain.username = ''
  plain.password = ''
  return [plain, headers]
}

/** What broke a request, in the last and most exact of the words that Deno has for it. */
const reasonOf = (error: unknown): FetchError => {
  if (error instanceof FetchError) return error
  if (!(error instanceof Error)) return new FetchError(String(error))
  if (error.name === 'TimeoutError') {
    return new FetchError(`no answer within ${attemptMs / 1000} seconds`, true)
  }
  const message = error.cause instanceof Error ? error.cause.message : error.message
  // A URL may have anything in it: a secret, or a word that is looked for here.
  const words = message.replace(/ for url \(\S*\)/, '')
  const last = words.split(': ').at(-1) ?? words
  const tls =
    /(?:invalid peer )?certificate.*|received fatal alert.*|received corrupt message.*/.exec(
      words,
    )?.[0]
  if (tls !== undefined) return new FetchError(`TLS: ${tls}`)
  // Anything else is about this machine: a folder that cannot be written, a port that nobody may use.
  if (!/sending request|connection|body|error reading/i.test(words)) return new FetchError(words)
  return new FetchError(last.replace(/ \(os error \d+\)$/, ''), true)
}

const refusal = (status: number, headers: Headers): FetchError => {
  if (status === 404 || status === 410) return new FetchError(`it is not there (${status})`)
  if (status === 401 || status === 403) {
    return new FetchError(`the server does not allow it (${status})`)
  }
  const mayPass = status === 429 || status >= 500
  const seconds = /^\d+$/.exec(headers.get('retry-after') ?? '')?.[0]
  return new FetchError(
    `the server answers ${status}`,
    mayPass,
    seconds === undefined ? undefined : Number(seconds) * 1000,
  )
}

const read = async (response: Response): Promise<Uint8Array> => {
  const bytes = new Uint8Array(maxBytes)
  let length = 0
  const body = response.body as AsyncIterable<Uint8Array> | null
  for await (const chunk of body ?? []) {
    if (length + chunk.length > maxBytes) throw new FetchError('it is larger than 1 MiB')
    bytes.set(chunk, length)
    length += chunk.length
  }
  return bytes.subarray(0, length)
}

const fetchOnce = async (start: URL, timeLeftMs: number): Promise<Fetched> => {
  const signal = AbortSignal.timeout(Math.min(attemptMs, timeLeftMs))
  let url = start
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const [target, headers] = request(url)
    const response = await fetch(target, { headers, redirect: 'manual', signal })
    const location = response.headers.get('location')
    if ([301, 302, 303, 307, 308].includes(response.status) && location !== null) {
      await response.body?.cancel()
      const next = parsed(location, url)
      if (url.protocol === 'https:' && next.protocol === 'http:') {
        throw new FetchError('a redirect leads from https to http')
      }
      url = next
    } else if (response.status === 200) {
      return { url: target, bytes: await read(response) }
    } else {
      await response.body?.cancel()
      throw refusal(response.status, response.headers)
    }
  }
  throw new FetchError(`it is behind more than ${maxRedirects} redirects`)
}

/** What to say when the time is up, or somebody stops the task. */
let trouble = 'no answer yet'

const fetchPatiently = async (url: URL): Promise<Fetched> => {
  const end = performance.now() + deadlineMs
  for (let tries = 1, pauseMs = firstPauseMs; ; tries++, pauseMs *= 2) {
    try {
      return await fetchOnce(url, end - performance.now())
    } catch (error) {
      const reason = reasonOf(error)
      if (!reason.mayPass) throw reason
      trouble = `${reason.message}; tried ${tries === 1 ? 'once' : `${tries} times`}`
      // Many pods may have begun at once: they come back at different moments.
      const ownMs = Math.min(pauseMs, longestPauseMs) * (1 + Math.random() / 4)
      const waitMs = Math.max(ownMs, reason.retryAfterMs ?? 0)
      if (performance.now() + waitMs >= end) throw new FetchError(trouble)
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }
}

const textOf = (bytes: Uint8Array): string => {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    // That it does not decode is all there is to know.
    throw new FetchError('it is not text in UTF-8')
  }
  if (text.includes('\0')) throw new FetchError('it is not text in UTF-8')
  if (text.trim() === '') throw new FetchError('it is empty')
  if (text.trimStart().startsWith('<')) throw new FetchError('it is a web page, not a script')
  return text
}

const digestOf = async (bytes: Uint8Array): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** A name by which Deno knows the language, TypeScript if the URL does not tell. */
const fileName = (url: URL): string => {
  const name = url.pathname.split('/').at(-1) ?? ''
  return /^[\w-][\w.-]*\.[cm]?[jt]sx?$/.test(name) ? name : 'script.ts'
}

/**
 * Writes the code as deep below the folder as it lies on its server, and a map that leads each folder above it back
 * there.
 */
const leave = (folder: string, { url, bytes }: Fetched): void => {
  const parts = url.pathname.split('/').slice(1, -1)
  let local = `${folder}/code/`
  let remote = `${url.origin}/`
  const imports: Record<string, string> = { [`file://${local}`]: remote }
  for (const part of parts) {
    local += 'folder/'
    remote += `${part}/`
    imports[`file://${local}`] = remote
  }
  const map = `${folder}/import-map.json`
  const file = `${local}${fileName(url)}`
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  const hosts = [...importableHosts, `${url.hostname}:${port}`]
  Deno.mkdirSync(local, { recursive: true })
  Deno.writeTextFileSync(file, textOf(bytes))
  Deno.writeTextFileSync(map, JSON.stringify({ imports }))
  const words = ['--no-config', `--import-map=${map}`, `--allow-import=${hosts.join(',')}`, file]
  Deno.writeTextFileSync(`${folder}/arguments`, `${words.join(' ')}\n`)
}

const main = async ([text = '', folder = '', ...options]: readonly string[]): Promise<void> => {
  Deno.addSignalListener('SIGTERM', () => give('fetch', text, `stopped: ${trouble}`))
  try {
    const fetched = await fetchPatiently(parsed(text))
    const digest = await digestOf(fetched.bytes)
    const wanted = options.find((option) => option.startsWith('--sha256='))?.slice(9)
    if (wanted !== undefined && wanted !== digest) {
      give('run', text, `its SHA-256 is ${digest}, and the definition wants ${wanted}`)
    }
    leave(folder, fetched)
  } catch (error) {
    give('fetch', text, reasonOf(error).message)
  }
  Deno.exit(0)
}

await main(Deno.args)
