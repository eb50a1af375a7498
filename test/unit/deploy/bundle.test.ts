import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { bundle, type BundledFile } from '../../../deploy/bundle.ts'

const write = (folder: string, files: readonly BundledFile[]): void => {
  for (const { path, content } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
}

test('what a program loads late works in a bundle as it does outside of one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bundle-'))
  const types: (string | undefined)[] = []
  const server = createServer((request, response) => {
    types.push(request.headers['content-type'])
    request.resume().on('end', () => response.writeHead(202).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    write(folder, await bundle(join(import.meta.dirname, 'posting-program.ts')))
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/`
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'main.mjs'), url])
    expect(stdout).toBe('delivered\ndelivered\n')
    expect(types).toEqual(['application/json', 'application/cloudevents+json; charset=utf-8'])
  } finally {
    server.close()
    rmSync(folder, { recursive: true })
  }
})

describe('the bundle', () => {
  let folder = ''
  let files: readonly BundledFile[] = []
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bundle-'))
    files = await bundle()
    write(folder, files)
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  const run = (...args: readonly string[]): { status: number | null; stderr: string } => {
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'main.mjs'), ...args], {
      // Nothing of this machine: above all, no API server.
      env: {
        HOME: folder,
        POD_NAMESPACE: 'keptn-system',
        FUNCTION_RUNNER_IMAGE: 'deno-runtime',
        PYTHON_RUNNER_IMAGE: 'python-runtime',
      },
      encoding: 'utf8',
    })
    return { status, stderr }
  }

  test('says which roles there are', () => {
    const { status, stderr } = run('no-such-role')
    expect(stderr).toBe(
      'Usage: gatekept webhook|controller|permit|certs|convert|release-all|verify|release|retry|skip|abort [arguments]\n',
    )
    expect(status).toBe(2)
  })

  test.each([
    ['webhook'],
    ['controller', '--parts', 'lifecycle,gate,certs,metrics'],
    ['certs', 'bootstrap'],
  ])('has all that the role "%s" loads', (...args) => {
    const { status, stderr } = run(...args)
    expect(stderr).toContain('Cannot find the API server')
    expect(status).toBe(1)
  })

  test('has all that commands load', () => {
    const { status, stderr } = run('convert', 'sli', '--keptn-provider-name', 'a')
    expect(stderr).toContain('--keptn-provider-namespace')
    expect(status).toBe(1)
  })

  test('has all that letting pods go loads, with a kubeconfig and without', () => {
    const kubeconfig = join(folder, 'kubeconfig')
    writeFileSync(kubeconfig, 'apiVersion: v1\nkind: Config\n')
    const chosen = run('release-all', '--kubeconfig', kubeconfig)
    expect(chosen.stderr).toContain('Cannot tell which cluster is meant')
    expect(chosen.status).toBe(1)
    expect(run('release-all').stderr).toContain('Cannot find the cluster')
  })

  test('keeps names and short lines, so that a stack trace can be read', () => {
    const { stderr } = run('webhook')
    expect(stderr).toMatch(/at inCluster \(file:.*\.mjs:\d+:\d{1,3}\)/)
  })

  test('leaves out what no process runs', () => {
    const texts = files
      .filter(({ path }) => path.endsWith('.mjs') && !path.includes('/kubeconfig-'))
      .map(({ content }) => String(content))
    // The library that reads a kubeconfig lies apart, for whoever asks for it.
    expect(files.filter(({ path }) => /\/kubeconfig-\w+\.mjs$/.test(path))).toHaveLength(1)
    const program = texts.join('')
    expect(program).not.toContain('loadFromClusterAndUser')
    for (const name of ['strictTypes', 'MockAgent', 'WebSocketStream', 'TraceAPI', 'pkcs12']) {
      expect(program).not.toContain(name)
    }
    // What people call reads YAML and command lines; it lies apart, and no role loads it.
    const [commands = ''] = texts.filter((text) => text.includes('CommanderError'))
    expect(commands).not.toBe('')
    // So does what CloudEvents are made with.
    const [cloudEvents = ''] = texts.filter((text) => text.includes('ce-specversion'))
    expect(cloudEvents).not.toBe('')
    expect(cloudEvents.length + commands.length).toBeLessThan(400_000)
    // And what spans are written and sent with.
    const [encoding = ''] = texts.filter((text) => text.includes('partialSuccess'))
    const [grpc = ''] = texts.filter((text) => text.includes('grpc-previous-rpc-attempts'))
    expect(encoding).not.toBe('')
    expect(grpc).not.toBe('')
    expect(grpc.length + encoding.length).toBeLessThan(430_000)
    const apart = [commands, cloudEvents, encoding, grpc].join('').length
    expect(program.length - apart).toBeLessThan(2_205_000)
  })
})
