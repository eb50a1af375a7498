import { describe, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deliveryTo, toContainerd, toRegistry } from '../../../deploy/delivery.ts'
import { root } from '../../../deploy/paths.ts'
import { pythonPackages } from '../../../deploy/python.ts'

const note = (): void => undefined
const image = { reference: 'localhost/gatekept:0123', archive: '/images/gatekept-0123.tar' }

/** A program that writes its arguments to a file, and answers. */
const withFake = async (
  answer: string,
  use: (program: string) => Promise<unknown>,
): Promise<{ readonly calls: readonly string[]; readonly result: unknown }> => {
  const folder = mkdtempSync(join(tmpdir(), 'delivery-'))
  try {
    const program = join(folder, 'program')
    const calls = join(folder, 'calls')
    writeFileSync(calls, '')
    writeFileSync(program, `#!/bin/sh\necho "$*" >>'${calls}'\n${answer}\n`, { mode: 0o755 })
    const result = await use(program)
    return { calls: readFileSync(calls, 'utf8').trim().split('\n'), result }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('delivery', () => {
  test.each([
    ['no destination', {}],
    ['two destinations', { kind: 'a', registry: 'b' }],
  ])('with %s is refused, saying what there is', async (_, destination) => {
    await expect(deliveryTo(destination, { binaries: '', note })).rejects.toThrow(
      /--containerd SOCKET.*--kind NAME.*--registry HOST\/PATH/,
    )
  })

  test('to a containerd that does not listen there is refused', async () => {
    await expect(deliveryTo({ containerd: '/etc/passwd' }, { binaries: '', note })).rejects.toThrow(
      '"/etc/passwd" is not a socket',
    )
  })

  test('to containerd imports an image that is not there', async () => {
    const { calls, result } = await withFake('', (ctr) => toContainerd('/run/c.sock', ctr)(image))
    expect(result).toBe(image.reference)
    expect(calls).toEqual([
      `--address /run/c.sock --namespace k8s.io images ls -q name==${image.reference}`,
      `--address /run/c.sock --namespace k8s.io images import ${image.archive}`,
    ])
  })

  test('to containerd leaves alone an image that is there', async () => {
    const { calls } = await withFake(`echo ${image.reference}`, (ctr) =>
      toContainerd('/run/c.sock', ctr)(image),
    )
    expect(calls).toHaveLength(1)
  })

  test('to a registry keeps name and tag below the path', async () => {
    const { calls, result } = await withFake('', (skopeo) =>
      toRegistry('registry.example/team/', skopeo)(image),
    )
    expect(result).toBe('registry.example/team/gatekept:0123')
    expect(calls[0]).toContain(
      'oci-archive:/images/gatekept-0123.tar docker://registry.example/team/gatekept:0123',
    )
    expect(calls[0]).not.toContain('tls-verify')
  })

  test.each(['localhost:5000', '127.0.0.1:5000/team'])(
    'to the registry %s on this machine needs no TLS',
    async (registry) => {
      const { calls } = await withFake('', (skopeo) => toRegistry(registry, skopeo)(image))
      expect(calls[0]).toContain('--dest-tls-verify=false')
    },
  )
})

test('the Dockerfile of the Python runtime installs what the image is made of here', () => {
  const dockerfile = readFileSync(join(root, 'runtimes/python/Dockerfile'), 'utf8')
  expect(dockerfile).toContain(` ${pythonPackages.join(' ')} \\\n`)
})

test('the Dockerfiles name the Deno that npm brings', () => {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const dockerfile = readFileSync(join(root, 'runtimes/deno/Dockerfile'), 'utf8')
  expect(dockerfile).toContain(`denoland/deno:bin-${devDependencies['deno'] ?? '?'} `)
})
