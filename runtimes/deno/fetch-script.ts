/**
 * Fetches a script for Deno: `fetch-script.ts URL FOLDER [--sha256=DIGEST] [--allow=RANGES] [--refuse=RANGES]`.
 *
 * Leaves in the folder the code, and in the file `arguments` what to give to `deno run` so that the code runs as if it
 * had been loaded from its URL: what it imports by a relative path comes from there. Code is never left there that is not
 * what was asked for. It fails with one line on standard error and exit code 126.
 *
 * Twin of `runtimes/python/fetch-script.py`: the same limits, the same words.
 *
 * @module
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { refusalOf } from './addresses.ts'

/** Connections of its own. */
interface HttpClient {
  readonly close: () => void
}

/** A connection that was made or taken. */
interface Connection {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  readonly read: (into: Uint8Array) => Promise<number | null>
  readonly write: (bytes: Uint8Array) => Promise<number>
  readonly close: () => void
}

/** What is used of Deno. */
declare const Deno: {
  readonly env: { readonly get: (name: string) => string | undefined }
  readonly createHttpClient: (options: {
    readonly proxy:
      | { readonly transport: 'tcp'; readonly hostname: string; readonly port: number }
      | { readonly url: string }
  }) => HttpClient
  readonly connect: (to: {
    readonly hostname: string
    readonly port: number
  }) => Promise<Connection>
  readonly listen: (at: {
    readonly hostname: string
    readonly port: number
  }) => AsyncIterable<Connection> & {
    readonly addr: { readonly port: number }
    readonly close: () => void
  }
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

type Refuse = (address: string) => string | undefined

/** The addresses that a URL leads to, all of them allowed. */
const addressesOf = async (url: URL, refuse: Refuse): Promise<readonly string[]> => {
  const host = url.hostname.replaceAll(/^\[|\]$/g, '')
  const addresses = isIP(host) === 0 ? await resolved(host) : [host]
  for (const address of addresses) {
    const reason = refuse(address)
    if (reason !== undefined) throw new FetchError(reason)
  }
  return addresses
}

const resolved = async (name: string): Promise<readonly string[]> => {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address)
  } catch {
    // Deno tells no more of it than that.
    throw new FetchError('Name or service not known', true)
  }
}

/** Gives up a promise that has no way of its own to be given up. */
const within = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  Promise.race([
    promise,
    new Promise<never>((_, reject) => {
      const giveUp = (): void => reject(signal.reason as Error)
      if (signal.aborted) giveUp()
      else signal.addEventListener('abort', giveUp, { once: true })
    }),
  ])

/** A way to one address, whatever name is asked for on it. */
interface Path {
  readonly client: HttpClient
  /** What went wrong on it, where that is known better than to who asked. */
  readonly problem: () => unknown
  readonly close: () => void
}

const openPath = (hostname: string, port: number, isSecure: boolean): Path =>
  isSecure ? throughTunnel(hostname, port) : straight(hostname, port)

const straight = (hostname: string, port: number): Path => {
  const client = Deno.createHttpClient({ proxy: { transport: 'tcp', hostname, port } })
  return { client, problem: () => undefined, close: () => client.close() }
}

/**
 * Deno encrypts no connection to an address that it is given. So it gets a proxy, here in this process, which leads to that
 * address alone; what it carries is encrypted from end to end, and the certificate is checked for the name.
 */
const throughTunnel = (hostname: string, port: number): Path => {
  const listener = Deno.listen({ hostname: '127.0.0.1', port: 0 })
  const ends: Connection[] = []
  let problem: unknown
  const reach = async (): Promise<Connection> => {
    try {
      return await Deno.connect({ hostname, port })
    } catch (error) {
      problem = error
      throw error
    }
  }
  const carry = async (near: Connection): Promise<void> => {
    ends.push(near)
    try {
      await readQuestion(near)
      const far = await reach()
      ends.push(far)
      await near.write(new TextEncoder().encode('HTTP/1.1 200 OK\r\n\r\n'))
      await Promise.all([near.readable.pipeTo(far.writable), far.readable.pipeTo(near.writable)])
    } catch {
      // Who asked is told by the connection, and what kept us from the address by `problem`.
      closeQuietly(near)
    }
  }
  const accept = async (): Promise<void> => {
    for await (const near of listener) void carry(near)
  }
  void accept()
  const url = `http://127.0.0.1:${listener.addr.port}`
  const client = Deno.createHttpClient({ proxy: { url } })
  return {
    client,
    problem: () => problem,
    close: () => {
      client.close()
      listener.close()
      for (const end of ends) closeQuietly(end)
    },
  }
}

/** Nothing is sent after the empty line until it is answered. */
const readQuestion = async (near: Connection): Promise<void> => {
  const piece = new Uint8Array(1024)
  for (let words = ''; !words.endsWith('\r\n\r\n');) {
    const length = await near.read(piece)
    if (length === null) throw new Error('the connection was closed')
    words += new TextDecoder().decode(piece.subarray(0, length))
  }
}

const closeQuietly = (connection: Connection): void => {
  try {
    connection.close()
  } catch {
    // It was closed by the other side.
  }
}

/** An answer, and the way by which it is read. */
interface Answer {
  readonly response: Response
  readonly path: Path
}

/** Asks one of the addresses of a URL, the first that answers, and no other place. */
const ask = async (url: URL, refuse: Refuse, signal: AbortSignal): Promise<Answer> => {
  const [target, headers] = request(url)
  const isSecure = url.protocol === 'https:'
  const port = Number(url.port === '' ? (isSecure ? 443 : 80) : url.port)
  let problem: unknown = new FetchError('Name or service not known', true)
  for (const address of await within(addressesOf(url, refuse), signal)) {
    const path = openPath(address, port, isSecure)
    const { client } = path
    try {
      const options = { headers, redirect: 'manual', signal, client } as const
      return { response: await fetch(target, options), path }
    } catch (error) {
      problem = path.problem() ?? error
      path.close()
      if (signal.aborted) throw error
    }
  }
  throw problem
}

const fetchOnce = async (start: URL, refuse: Refuse, timeLeftMs: number): Promise<Fetched> => {
  const signal = AbortSignal.timeout(Math.min(attemptMs, timeLeftMs))
  let url = start
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const { response, path } = await ask(url, refuse, signal)
    try {
      const next = redirectOf(response, url)
      if (next === undefined) return { url: request(url)[0], bytes: await read(response) }
      url = next
    } finally {
      // With whatever else it would still send.
      path.close()
    }
  }
  throw new FetchError(`it is behind more than ${maxRedirects} redirects`)
}

/** Where an answer leads instead; `undefined`: it is the code. */
const redirectOf = ({ status, headers }: Response, url: URL): URL | undefined => {
  const location = headers.get('location')
  if ([301, 302, 303, 307, 308].includes(status) && location !== null) {
    const next = parsed(location, url)
    if (url.protocol === 'https:' && next.protocol === 'http:') {
      throw new FetchError('a redirect leads from https to http')
    }
    return next
  }
  if (status !== 200) throw refusal(status, headers)
  return undefined
}

/** What to say when the time is up, or somebody stops the task. */
let trouble = 'no answer yet'

const fetchPatiently = async (url: URL, refuse: Refuse): Promise<Fetched> => {
  const end = performance.now() + deadlineMs
  for (let tries = 1, pauseMs = firstPauseMs; ; tries++, pauseMs *= 2) {
    try {
      return await fetchOnce(url, refuse, end - performance.now())
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

const rulesOf = (allowed: readonly string[], refused: readonly string[]): Refuse => {
  const host = Deno.env.get('KUBERNETES_SERVICE_HOST') ?? ''
  try {
    return refusalOf({ allowed, refused, apiServer: host === '' ? [] : [host] })
  } catch (error) {
    throw new FetchError(`the KeptnConfig cannot be followed: ${(error as Error).message}`)
  }
}

const main = async ([text = '', folder = '', ...options]: readonly string[]): Promise<void> => {
  Deno.addSignalListener('SIGTERM', () => give('fetch', text, `stopped: ${trouble}`))
  const values = (name: string): readonly string[] =>
    options
      .filter((option) => option.startsWith(`${name}=`))
      .flatMap((option) => option.slice(name.length + 1).split(','))
  try {
    const refuse = rulesOf(values('--allow'), values('--refuse'))
    const fetched = await fetchPatiently(parsed(text), refuse)
    const digest = await digestOf(fetched.bytes)
    const [wanted] = values('--sha256')
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
