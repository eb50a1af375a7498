/**
 * Scripts in both languages and from every source, in real containers of the images that an installation has.
 *
 * All of them run side by side: some wait for half a minute.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KeptnTask, type KeptnTaskDefinition } from '../../api/index.ts'
import { Job, type EnvVar } from '../../api/kubernetes.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import { yaml } from './world.ts'

const namespace = 'runtimes'
const languages = ['deno', 'python'] as const
type Language = (typeof languages)[number]

/** Says which one it is, and that it can write a file. */
const scripts = {
  deno: "Deno.writeTextFileSync('/tmp/note', 'kept')\nconsole.log('deno', Deno.readTextFileSync('/tmp/note'))\n",
  python: "open('/tmp/note', 'w').write('kept')\nprint('python', open('/tmp/note').read())\n",
} as const
const failing = {
  deno: "console.log('no database')\nDeno.exit(3)\n",
  python: "print('no database')\nraise SystemExit(3)\n",
} as const

let installation: Installation
let server: Server
let url: string
/** Nobody listens there. */
let deadUrl: string

const listen = async (listener: Server, host: string): Promise<string> => {
  listener.listen(0, host)
  await once(listener, 'listening')
  return `http://${host}:${(listener.address() as AddressInfo).port}`
}

beforeAll(async () => {
  installation = await install('runtimes')
  const { hostAddress } = installation.cluster
  server = createServer(({ url: path = '' }, response) => {
    response.setHeader('content-type', 'text/plain')
    response.end(path.includes('python') ? scripts.python : scripts.deno)
  })
  url = await listen(server, hostAddress)
  const nobody = createServer()
  deadUrl = await listen(nobody, hostAddress)
  nobody.close()
  await installation.apply(
    yaml(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'token', namespace },
        stringData: { SECURE_DATA: '{"user":"reader","password":"x<y>&z"}' },
      },
    ),
  )
}, 300_000)

afterAll(async () => {
  server.close()
  await installation.down()
}, 60_000)

interface Ended {
  readonly status: NonNullable<KeptnTask['status']>
  readonly job: Job
  readonly log: string
}

type Runtime = NonNullable<KeptnTaskDefinition['spec']['python']>

/** Runs a task of a definition of its own to its end. */
const run = async (name: string, language: Language, runtime: Runtime): Promise<Ended> => {
  const { client, cluster, apply } = installation
  const spec = { retries: 0, timeout: '2m' }
  await apply(
    yaml(
      {
        apiVersion: 'lifecycle.keptn.sh/v1',
        kind: 'KeptnTaskDefinition',
        metadata: { name, namespace },
        spec: { ...spec, [language]: runtime },
      },
      {
        apiVersion: 'lifecycle.keptn.sh/v1',
        kind: 'KeptnTask',
        metadata: { name, namespace },
        spec: {
          taskDefinition: name,
          ...spec,
          context: {
            workloadName: 'shop-cart',
            appName: 'shop',
            workloadVersion: '1.0',
            taskType: 'pre',
            objectType: 'Workload',
            metadata: { team: 'a<b', stage: 'dev' },
          },
        },
      },
    ),
  )
  const status = await eventually(
    async () => {
      const task = await client.get(KeptnTask, { namespace, name })
      expect(['Succeeded', 'Failed']).toContain(task?.status?.status)
      return task?.status as Ended['status']
    },
    { timeoutMs: 90_000, everyMs: 200 },
  )
  const at = { namespace, name: status.jobName ?? '' }
  const job = await client.get(Job, at)
  if (job === undefined) throw new Error(`There is no Job "${at.name}"`)
  const pods = `--selector=job-name=${at.name}`
  const log = await cluster.kubectl(['logs', '-n', namespace, pods, '--tail=-1'])
  return { status, job, log }
}

const each = (sentence: string, check: (language: Language) => Promise<void>): void => {
  for (const language of languages) {
    test.concurrent(`${language}: ${sentence}`, () => check(language), 120_000)
  }
}

const passes = ({ status, log }: Ended, language: Language): void => {
  expect({ status: status.status, message: status.message, log }).toMatchObject({
    status: 'Succeeded',
    log: `${language} kept\n`,
  })
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

each('runs code that is written in the definition', async (language) => {
  passes(
    await run(`inline-${language}`, language, { inline: { code: scripts[language] } }),
    language,
  )
})

each('runs code of a ConfigMap', async (language) => {
  const name = `config-map-${language}`
  await installation.apply(
    yaml({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace },
      data: { code: scripts[language] },
    }),
  )
  passes(await run(name, language, { configMapRef: { name } }), language)
})

each('runs code from a URL', async (language) => {
  const httpRef = { url: `${url}/${language}` }
  passes(await run(`url-${language}`, language, { httpRef }), language)
})

each('runs code from a URL that has the digest it should have', async (language) => {
  const sha256 = digestOf(scripts[language]).toUpperCase()
  const httpRef = { url: `${url}/${language}`, sha256 }
  passes(await run(`digest-${language}`, language, { httpRef }), language)
})

each('does not run code with another digest', async (language) => {
  const httpRef = { url: `${url}/${language}`, sha256: '0'.repeat(64) }
  const { status, log } = await run(`other-digest-${language}`, language, { httpRef })
  const line = `Cannot run "${httpRef.url}": its SHA-256 is ${digestOf(scripts[language])}, and the definition wants ${httpRef.sha256}`
  expect(log).toBe(`${line}\n`)
  expect(status).toMatchObject({ status: 'Failed', exitCode: 126 })
  expect(status.message).toContain(line)
})

each('says that nobody is at the URL', async (language) => {
  const { status } = await run(`nobody-${language}`, language, { httpRef: { url: deadUrl } })
  expect(status).toMatchObject({ status: 'Failed', exitCode: 126 })
  expect(status.message).toMatch(
    /Exit code 126: Cannot fetch "http:\/\/[^"]+": Connection refused; tried [5-9] times/,
  )
})

each('fails with the exit code of the script', async (language) => {
  const inline = { code: failing[language] }
  const { status } = await run(`failing-${language}`, language, { inline })
  expect(status).toMatchObject({ status: 'Failed', exitCode: 3 })
  expect(status.message).toContain('no database')
})

const context =
  String.raw`{"workloadName":"shop-cart","appName":"shop","appVersion":"","workloadVersion":"1.0",` +
  String.raw`"taskType":"pre","objectType":"Workload","metadata":{"stage":"dev","team":"a\u003cb"}}`
const secureData = '{"user":"reader","password":"x<y>&z"}'
const input = {
  parameters: { map: { b: '2', a: '1 & 2' } },
  secureParameters: { secret: 'token' },
  cmdParameters: '-X utf8=1 -W error',
}

/** The environment of a script's container, in its order. */
const environmentOf = ({ job }: Ended): readonly EnvVar[] | undefined =>
  job.spec.template.spec.containers[0]?.env

const environment = (script: string): readonly EnvVar[] => [
  { name: 'DATA', value: String.raw`{"a":"1 \u0026 2","b":"2"}` },
  { name: 'KEPTN_CONTEXT', value: context },
  { name: 'CMD_ARGS', value: input.cmdParameters },
  {
    name: 'SECURE_DATA',
    valueFrom: { secretKeyRef: { name: 'token', key: 'SECURE_DATA' } },
  },
  { name: 'SCRIPT', value: script },
]

test.concurrent(
  'python: a script sees these variables and no others, wherever it comes from',
  async () => {
    const code = [
      'import os, re, sys',
      "kubernetes = re.compile('PATH|HOME|LANG|HOSTNAME|PWD|KUBERNETES_.*')",
      'for name, value in sorted(os.environ.items()):',
      "    if not kubernetes.fullmatch(name): print(name + '=' + value)",
      'print(sys.argv, sys.flags.utf8_mode, sys.warnoptions)',
      '',
    ].join('\n')
    const fetched = createServer((_, response) => response.end(code))
    const script = await listen(fetched, installation.cluster.hostAddress)
    const seen = (source: string, argument: string): string =>
      [
        `CMD_ARGS=${input.cmdParameters}`,
        String.raw`DATA={"a":"1 \u0026 2","b":"2"}`,
        `KEPTN_CONTEXT=${context}`,
        `SCRIPT=${source}`,
        `SECURE_DATA=${secureData}`,
        `['${argument}'] 1 ['error']`,
        '',
      ].join('\n')

    const inline = await run('environment', 'python', { inline: { code }, ...input })
    expect(environmentOf(inline)).toEqual(environment('/var/data/function.py'))
    expect(inline.log).toBe(seen('/var/data/function.py', '/var/data/function.py'))
    const httpRef = { url: script, sha256: digestOf(code) }
    const remote = await run('environment-of-a-url', 'python', { httpRef, ...input })
    fetched.close()
    expect(environmentOf(remote)).toEqual(environment(script))
    expect(remote.log).toBe(seen(script, '-'))
  },
  120_000,
)

test.concurrent(
  'deno: a script may read three variables',
  async () => {
    const code = [
      "for (const name of ['DATA', 'KEPTN_CONTEXT', 'SECURE_DATA']) {",
      '  console.log(`${name}=${Deno.env.get(name)}`)',
      '}',
      "console.log(Deno.args, Deno.permissions.querySync({ name: 'env' }).state)",
      '',
    ].join('\n')
    const inline = await run('environment-of-deno', 'deno', { inline: { code }, ...input })
    expect(environmentOf(inline)).toEqual(environment('/var/data/function.ts'))
    expect(inline.log).toBe(
      [
        String.raw`DATA={"a":"1 \u0026 2","b":"2"}`,
        `KEPTN_CONTEXT=${context}`,
        `SECURE_DATA=${secureData}`,
        '[] prompt',
        '',
      ].join('\n'),
    )
  },
  120_000,
)

test('a digest that is none is refused when it is written', async () => {
  const httpRef = { url, sha256: 'abc' }
  const definition = {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnTaskDefinition',
    metadata: { name: 'no-digest', namespace },
    spec: { python: { httpRef } },
  }
  await expect(installation.apply(yaml(definition))).rejects.toThrow('spec.python.httpRef.sha256')
})
