/**
 * A server that scripts are fetched from, with the ways in which that can go wrong.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createAuthority, issueServerCertificate } from '../../../certs/authority.ts'

/** The server's name; its certificate is for no other. */
export const hostName = 'code.shop.svc'

/** The most that a script may have. */
export const maxBytes = 1024 * 1024

/** A server that runs. */
export interface CodeServer {
  readonly http: string
  readonly https: string
  /** The certificate of whom to trust. */
  readonly authority: string
  /** How often this path was asked for. */
  readonly count: (path: string) => number
  /** The header `Authorization` of the last request for this path. */
  readonly login: (path: string) => string | undefined
  readonly close: () => void
}

/** What a request is about. */
interface Asked {
  /** What the path ends in. */
  readonly ending: string
  /** A script that prints `hello`, in the language of that ending. */
  readonly code: string
  /** How often the path was asked for before. */
  readonly before: number
  readonly http: string
  readonly https: string
}

type Answer = (response: ServerResponse, asked: Asked) => void

const end = (
  response: ServerResponse,
  status: number,
  body: string | Buffer = '',
  headers: Readonly<Record<string, string>> = {},
): void => {
  response.writeHead(status, {
    'content-length': Buffer.byteLength(body),
    'content-type': 'text/plain',
    ...headers,
  })
  response.end(body)
}

const say =
  (...what: Parameters<typeof end> extends [unknown, ...infer Rest] ? Rest : never): Answer =>
  (response) => {
    end(response, ...what)
  }

const redirect = (to: (asked: Asked) => string): Answer => {
  return (response, asked) => {
    end(response, 302, '', { location: `${to(asked)}.${asked.ending}` })
  }
}

const good: Answer = (response, { code }) => {
  end(response, 200, code)
}

const firstly = (times: number, bad: Answer): Answer => {
  return (response, asked) => {
    const answer = asked.before < times ? bad : good
    answer(response, asked)
  }
}

const breakOff: Answer = (response, { code }) => {
  response.writeHead(200, { 'content-length': code.length })
  response.write(code.slice(0, 8), () => response.destroy())
}

/** Never ends, and never is silent for long. */
const drip: Answer = (response) => {
  const timer = setInterval(() => response.write('# '), 200)
  response.on('close', () => clearInterval(timer))
}

const pad = (code: string, comment: string, bytes: number): string =>
  `${code}${comment}${'x'.repeat(bytes - code.length - comment.length)}`

const answers: Readonly<Record<string, Answer>> = {
  good,
  missing: say(404),
  gone: say(410),
  closed: say(403),
  teapot: say(418),
  down: say(503),
  later: say(503, '', { 'retry-after': '3600' }),
  waking: firstly(2, say(503)),
  busy: firstly(1, say(429, '', { 'retry-after': '2' })),
  broken: firstly(1, breakOff),
  empty: say(200, ' \n'),
  page: say(200, '\n<!DOCTYPE html><title>Sign in</title>'),
  binary: say(200, Buffer.from([0x70, 0xff, 0xfe])),
  zero: say(200, 'a\0b'),
  'as-large-as-can-be': (response, { code }) => {
    end(response, 200, pad(code, code.startsWith('print') ? '# ' : '// ', maxBytes))
  },
  'too-large': (response) => {
    end(response, 200, pad('', '# ', maxBytes + 1))
  },
  'without-end': (response) => {
    const more = (): void => {
      if (!response.destroyed) response.write('x'.repeat(65536), more)
    }
    more()
  },
  loop: redirect(() => 'loop'),
  far: redirect(({ before }) => (before < 4 ? 'far' : 'good')),
  local: redirect(() => 'file:///etc/passwd'),
  inward: redirect(() => 'http://169.254.169.254/latest/meta-data'),
  upgrade: redirect(({ https }) => `${https}/good`),
  downgrade: redirect(({ http }) => `${http}/good`),
  silent: () => undefined,
  drip,
}

const listen = async (server: ReturnType<typeof createServer>): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const codeFor = (ending: string): string =>
  ending === 'py' ? "print('hello')\n" : "console.log('hello')\n"

/** Starts the server, once plain and once with TLS. `files`: what else there is, by path. */
export const startCodeServer = async (
  files: Readonly<Record<string, string>>,
): Promise<CodeServer> => {
  const counts = new Map<string, number>()
  const logins = new Map<string, string>()
  const at = { http: '', https: '' }
  const serve: RequestListener = ({ url = '', headers }, response) => {
    const { pathname } = new URL(url, 'http://server')
    const before = counts.get(pathname) ?? 0
    counts.set(pathname, before + 1)
    if (headers.authorization !== undefined) logins.set(pathname, headers.authorization)
    const file = files[pathname]
    if (file !== undefined) {
      end(response, 200, file, { 'content-type': 'application/typescript' })
      return
    }
    const [name = '', ending = ''] = pathname.slice(1).split('.')
    const answer = answers[name] ?? say(404)
    answer(response, { ending, code: codeFor(ending), before, ...at })
  }
  const authority = await createAuthority(new Date())
  const { cert, key } = await issueServerCertificate(authority, 'shop', new Date())
  const plain = createServer(serve)
  const secure = createSecureServer({ cert, key }, serve)
  at.http = `http://${hostName}:${await listen(plain)}`
  at.https = `https://${hostName}:${await listen(secure)}`
  return {
    ...at,
    authority: authority.cert,
    count: (path) => counts.get(path) ?? 0,
    login: (path) => logins.get(path),
    close: () => {
      for (const server of [plain, secure]) {
        server.closeAllConnections()
        server.close()
      }
    },
  }
}
