/**
 * The programs of the images that run scripts: what they fetch, what they refuse, and what a script sees.
 *
 * They run side by side, and those first that wait for half a minute.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { denoRuntimeImage, pythonRuntimeImage } from '../../../deploy/images.ts'
import { hostName, startCodeServer, type CodeServer } from './code-server.ts'
import { unpackImage, type Ended, type Order, type UnpackedImage } from './unpacked-image.ts'

const languages = ['deno', 'python'] as const
type Language = (typeof languages)[number]
const endings = { deno: 'ts', python: 'py' } as const

let images: Readonly<Record<Language, UnpackedImage>>
let server: CodeServer
/** Nobody listens there. */
let deadPort: number
/** What takes half a minute is begun at once; no more than a few tests run side by side. */
let slow: Readonly<Record<Language, ReadonlyMap<string, Promise<Ended>>>>

/** A name for the server; one with an address that is refused among its two; one for metadata alone;
 * one where nobody listens at the first of its two. */
const hosts = `127.0.0.1 localhost ${hostName}
127.0.0.1 both.shop.svc
169.254.169.254 both.shop.svc
169.254.169.254 metadata.shop.svc
127.0.0.2 several.shop.svc
127.0.0.1 several.shop.svc
`

/** The server listens on loopback, which only an administrator can allow. */
const lenient = ['--allow=127.0.0.0/8'] as const

const modules = {
  '/team/checks/main.ts':
    "import { one } from './one.ts'\nimport { two } from '../two.ts'\nimport { three } from '/three.ts'\n" +
    'console.log(one + two + three, import.meta.main)\n',
  '/team/checks/one.ts': 'export const one: number = 1\n',
  '/team/two.ts': 'export const two: number = 2\n',
  '/three.ts': 'export const three: number = 3\n',
}

const aDeadPort = async (): Promise<number> => {
  const listener = createServer()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  return port
}

// The first time on a machine, Debian's packages are fetched.
beforeAll(async () => {
  const [deno, python] = [await denoRuntimeImage(), await pythonRuntimeImage()]
  images = {
    deno: await unpackImage(deno, hosts),
    python: await unpackImage(python, hosts),
  }
  server = await startCodeServer(modules)
  deadPort = await aDeadPort()
  slow = { deno: slowRuns('deno'), python: slowRuns('python') }
  for (const image of Object.values(images))
    await image.write('/tmp/authority.pem', server.authority)
}, 300_000)

afterAll(async () => {
  server.close()
  for (const image of Object.values(images)) await image.remove()
})

const trusting = {
  DENO_CERT: '/tmp/authority.pem',
  REQUESTS_CA_BUNDLE: '/tmp/authority.pem',
} as const

const each = (sentence: string, run: (language: Language) => Promise<void>): void => {
  for (const language of languages) {
    test.concurrent(`${language}: ${sentence}`, () => run(language), 60_000)
  }
}

const runAt = (
  language: Language,
  base: string,
  name: string,
  order: Omit<Order, 'script'> = {},
): Promise<Ended> => runUrl(language, `${base}/${name}.${endings[language]}`, order)

const runUrl = (
  language: Language,
  script: string,
  { args = lenient, ...order }: Omit<Order, 'script'> = {},
): Promise<Ended> => images[language].runScript({ ...order, args, script })

const slowRuns = (language: Language): ReadonlyMap<string, Promise<Ended>> =>
  new Map([
    ...['down', 'silent', 'drip'].map(
      (name) => [name, runAt(language, server.http, name)] as const,
    ),
    ['nobody', runAt(language, `http://${hostName}:${deadPort}`, 'good')] as const,
  ])

const hello: Ended = { code: 0, output: 'hello\n', complaint: '' }

const runs: readonly (readonly [sentence: string, name: string, requests: number])[] = [
  ['runs what a URL gives', 'good', 1],
  ['runs 1 MiB', 'as-large-as-can-be', 1],
  ['follows five redirects', 'far', 5],
  ['asks again after 503', 'waking', 3],
  ['waits as long as 429 says', 'busy', 2],
  ['asks again when an answer breaks off', 'broken', 2],
]

for (const [sentence, name, requests] of runs) {
  each(sentence, async (language) => {
    const began = performance.now()
    expect(await runAt(language, server.http, name)).toEqual(hello)
    expect(server.count(`/${name}.${endings[language]}`)).toBeGreaterThanOrEqual(requests)
    if (name === 'busy') expect(performance.now() - began).toBeGreaterThan(2_000)
  })
}

const refusals: readonly (readonly [sentence: string, name: string, problem: RegExp])[] = [
  ['what is not there', 'missing', /: it is not there \(404\)$/],
  ['what is gone', 'gone', /: it is not there \(410\)$/],
  ['what it may not have', 'closed', /: the server does not allow it \(403\)$/],
  ['an answer that nobody expects', 'teapot', /: the server answers 418$/],
  ['a server that asks to come back tomorrow', 'later', /: the server answers 503; tried once$/],
  ['more than 1 MiB', 'too-large', /: it is larger than 1 MiB$/],
  ['an answer without end', 'without-end', /: it is larger than 1 MiB$/],
  ['nothing', 'empty', /: it is empty$/],
  ['a web page', 'page', /: it is a web page, not a script$/],
  ['what is not UTF-8', 'binary', /: it is not text in UTF-8$/],
  ['what has a zero in it', 'zero', /: it is not text in UTF-8$/],
  ['redirects in a circle', 'loop', /: it is behind more than 5 redirects$/],
  ['a redirect to a file', 'local', /: it leads to "file:", which is not http or https$/],
  ['a server that stays down', 'down', /: the server answers 503; tried [5-9] times$/],
  ['a server that is silent', 'silent', /: no answer within 10 seconds; tried [23] times$/],
  ['a server that never gets done', 'drip', /: no answer within 10 seconds; tried [23] times$/],
]

for (const [sentence, name, problem] of refusals) {
  each(`refuses ${sentence}, and says so in a line`, async (language) => {
    const { code, output, complaint } =
      (await slow[language].get(name)) ?? (await runAt(language, server.http, name))
    const url = `${server.http}/${name}.${endings[language]}`
    expect({ code, output }).toEqual({ code: 126, output: '' })
    expect(complaint.trimEnd()).toMatch(problem)
    expect(complaint).toMatch(/^[^\n]+\n$/)
    expect(complaint.startsWith(`Cannot fetch "${url}": `)).toBe(true)
  })
}

each('tries a server that is not there for half a minute', async (language) => {
  const ended = await slow[language].get('nobody')
  expect(ended?.code).toBe(126)
  expect(ended?.complaint).toMatch(
    /^Cannot fetch "[^"]+": Connection refused; tried [5-9] times\n$/,
  )
})

each('says what it waited for when it is stopped', async (language) => {
  const script = `http://${hostName}:${deadPort}/certificates?token=certificate`
  const ended = await runUrl(language, script, { stopAfterMs: 2_500 })
  expect(ended.code).toBe(126)
  expect(ended.complaint).toMatch(
    /^Cannot fetch "[^"]+": stopped: Connection refused; tried [2-4] times\n$/,
  )
})

each('tells a name that nobody knows', async (language) => {
  const script = 'http://nobody.shop.invalid/check'
  const ended = await images[language].runScript({ script, stopAfterMs: 2_500 })
  expect(ended.code).toBe(126)
  expect(ended.complaint).toMatch(
    /^Cannot fetch "[^"]+": stopped: .*name.*; tried (once|[2-4] times)\n$/i,
  )
})

each('refuses what is no URL', async (language) => {
  const ended = await images[language].runScript({ script: 'http://' })
  expect(ended).toEqual({
    code: 126,
    output: '',
    complaint: 'Cannot fetch "http://": it is not a URL\n',
  })
})

const unreachable = 'loopback, link-local and metadata addresses are refused'
const isApiServer = 'it is an address of the Kubernetes API server'

/** `PORT` is the server's. */
const places: readonly (readonly [string, string, string, Omit<Order, 'script'>?])[] = [
  ['loopback', 'http://127.0.0.1:PORT', unreachable, { args: [] }],
  ['loopback by a name', `http://${hostName}:PORT`, unreachable, { args: [] }],
  ['loopback as one number', 'http://2130706433:PORT', unreachable, { args: [] }],
  ['loopback in IPv6', 'http://[::1]:PORT', unreachable],
  ['loopback as IPv4 in IPv6', 'http://[::ffff:127.0.0.1]:PORT', unreachable, { args: [] }],
  ['metadata', 'http://169.254.169.254', unreachable],
  ['metadata by a name', 'http://metadata.shop.svc', unreachable],
  ['metadata behind NAT64', 'http://[64:ff9b::a9fe:a9fe]', unreachable],
  ['a name with one such address', 'http://both.shop.svc:PORT', unreachable],
  [
    'the API server, whatever is allowed',
    `http://${hostName}:PORT`,
    isApiServer,
    { env: { KUBERNETES_SERVICE_HOST: '127.0.0.1' } },
  ],
  [
    'what the administrator refuses, whatever is allowed',
    `http://${hostName}:PORT`,
    'the administrator of the cluster refuses its address',
    { args: [...lenient, '--refuse=10.0.0.0/8,127.0.0.1'] },
  ],
  [
    'everything when a range is none',
    `http://${hostName}:PORT`,
    'the KeptnConfig cannot be followed: "127.0.0.0/40" is no range of addresses',
    { args: ['--allow=127.0.0.0/40'] },
  ],
]

for (const [index, [sentence, place, problem, order]] of places.entries()) {
  each(`gets no code from ${sentence}`, async (language) => {
    const { port } = new URL(server.http)
    const base = place.replace('PORT', port)
    // Others run at the same time.
    const path = `/never-${language}-${index}`
    const ended = await runUrl(language, `${base}${path}`, order)
    expect(ended.code).toBe(126)
    expect(ended.complaint).toMatch(/^Cannot fetch "[^"]+": /)
    expect(ended.complaint.trimEnd().endsWith(`": ${problem}`)).toBe(true)
    expect(server.count(path)).toBe(0)
  })
}

each('asks the next address of a name where nobody answers at the first', async (language) => {
  const { port } = new URL(server.http)
  expect(await runAt(language, `http://several.shop.svc:${port}`, 'good')).toEqual(hello)
})

each('does not follow a redirect to where it gets no code from', async (language) => {
  const ended = await runAt(language, server.http, 'inward')
  expect(ended.code).toBe(126)
  expect(ended.complaint.trimEnd()).toMatch(
    /": loopback, link-local and metadata addresses are refused$/,
  )
})

each('refuses a certificate that nobody has signed', async (language) => {
  const ended = await runAt(language, server.https, 'good')
  expect(ended.code).toBe(126)
  expect(ended.complaint).toMatch(/^Cannot fetch "[^"]+": TLS: [^\n]+\n$/)
})

each('goes from http to https, and never back', async (language) => {
  const { https, http } = server
  expect(await runAt(language, https, 'good', { env: trusting })).toEqual(hello)
  expect(await runAt(language, http, 'upgrade', { env: trusting })).toEqual(hello)
  const ended = await runAt(language, https, 'downgrade', { env: trusting })
  expect(ended.code).toBe(126)
  expect(ended.complaint).toMatch(/: a redirect leads from https to http\n$/)
})

each('runs code with the right digest, and no other', async (language) => {
  const code = { deno: "console.log('hello')\n", python: "print('hello')\n" }[language]
  const digest = createHash('sha256').update(code).digest('hex')
  const right = await runAt(language, server.http, 'good', {
    args: [...lenient, `--sha256=${digest}`],
  })
  expect(right).toEqual(hello)
  const wrong = await runAt(language, server.http, 'good', {
    args: [`--sha256=${'0'.repeat(64)}`, ...lenient],
  })
  expect(wrong).toEqual({
    code: 126,
    output: '',
    complaint: `Cannot run "${server.http}/good.${endings[language]}": its SHA-256 is ${digest}, and the definition wants ${'0'.repeat(64)}\n`,
  })
})

each('shows neither a password nor a query', async (language) => {
  const { http } = server
  const ending = endings[language]
  const withLogin = http.replace('://', '://reader:p%40ss@')
  const ended = await runUrl(language, `${withLogin}/secret.${ending}?token=hidden`)
  expect(ended.complaint).toBe(`Cannot fetch "${http}/secret.${ending}": it is not there (404)\n`)
  expect(server.login(`/secret.${ending}`)).toBe(
    `Basic ${Buffer.from('reader:p@ss').toString('base64')}`,
  )
})

test.concurrent('deno: what a script imports comes from where the script does', async () => {
  const script = `${server.http}/team/checks/main.ts`
  const { code, output } = await runUrl('deno', script)
  expect({ code, output }).toEqual({ code: 0, output: '6 true\n' })
})

test.concurrent('python: arguments of Python come before the script', async () => {
  const code =
    'import sys\nprint(sys.argv, sys.flags.utf8_mode, sys.warnoptions, repr(sys.stdin.read()))\n'
  await images.python.write('/var/data/function.py', code)
  const env = { CMD_ARGS: '-X utf8=1 -W error' }
  const fromFile = await images.python.runScript({ script: '/var/data/function.py', env })
  expect(fromFile.output).toBe(`['/var/data/function.py'] 1 ['error'] ''\n`)
})

test.concurrent('python: what a script has printed is there when it is killed', async () => {
  const code = "import time\nprint('so far')\ntime.sleep(60)\n"
  await images.python.write('/var/data/slow.py', code)
  const ended = await images.python.runScript({ script: '/var/data/slow.py', stopAfterMs: 2_000 })
  expect(ended).toEqual({ code: null, output: 'so far\n', complaint: '' })
})

test.concurrent('python: has its libraries, git, time zones and certificates', async () => {
  await images.python.write(
    '/var/data/libraries.py',
    `import git, requests, ssl, yaml, zoneinfo, lzma, sqlite3
print(yaml.safe_load('a: [1]'), zoneinfo.ZoneInfo('Europe/Vienna'))
print(ssl.create_default_context().cert_store_stats()['x509_ca'] > 100)
print(git.Repo.init('/tmp/repository').bare, requests.certs.where())
`,
  )
  const { code, output } = await images.python.runScript({ script: '/var/data/libraries.py' })
  expect({ code, output }).toEqual({
    code: 0,
    output: `{'a': [1]} Europe/Vienna\nTrue\nFalse /etc/ssl/certs/ca-certificates.crt\n`,
  })
})
