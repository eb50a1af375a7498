import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { slackServer } from '../../demo/services/slack.ts'
import { readKustomization, readManifests } from '../../deploy/manifests.ts'
import type { Manifest } from '../../deploy/manifests.ts'
import { objectsOf } from '../../deploy/objects.ts'
import type { Objects } from '../../deploy/objects.ts'
import { root } from '../../deploy/paths.ts'
import { startCluster } from '../cluster/cluster.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { adminOf } from '../connection.ts'
import { applyCrds } from '../kinds.ts'

const example = join(root, 'manifests', 'examples', 'simplenode-dev')

describe('on an API server', () => {
  let cluster: Cluster
  let objects: Objects
  beforeAll(async () => {
    cluster = await startCluster({ name: 'examples', node: false, network: 'own' })
    objects = objectsOf(adminOf(cluster))
    await applyCrds(cluster)
  })
  afterAll(async () => {
    await objects.close()
    await cluster.down()
  })

  test('the example is accepted as it is, with no field that nobody knows', async () => {
    const said = await cluster.kubectl(['apply', '--validate=strict', '--kustomize', example])
    for (const { kind, metadata } of await readKustomization(example)) {
      expect(said).toMatch(new RegExp(`${kind.toLowerCase()}.*/${metadata.name} created`))
    }
  })

  test('the example of analyses is accepted as it is', async () => {
    const analyses = join(root, 'manifests', 'examples', 'analysis')
    await cluster.kubectl(['create', 'namespace', 'shop'])
    const said = await cluster.kubectl(['apply', '--validate=strict', '--kustomize', analyses])
    expect(said.trim().split('\n')).toHaveLength((await readKustomization(analyses)).length)
  })

  test('the example changes nothing when it is applied again', async () => {
    const said = await cluster.kubectl(['apply', '--kustomize', example])
    expect(said.trim().split('\n')).toHaveLength((await readKustomization(example)).length)
    // Kubernetes' own write-only field is stored under another name.
    expect(said.replace(/^secret.*$/m, '')).not.toMatch(/configured|created/)
  })

  test('objects of any kind are applied, read, listed, patched and removed', async () => {
    const namespace: Manifest = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'objects', labels: { test: 'objects' } },
    }
    await objects.apply(namespace)
    expect(await objects.list(namespace, 'test=objects')).toMatchObject([namespace])
    await objects.patch(namespace, { metadata: { labels: { more: 'yes' } } })
    await objects.apply(namespace)
    // What somebody else has set stays.
    expect((await objects.read(namespace))?.metadata.labels).toMatchObject({ more: 'yes' })
    const told = { type: 'example.org/Told', status: 'True' }
    const conditions = async (): Promise<unknown> => (await objects.read(namespace))?.['status']
    await objects.patch(namespace, { status: { conditions: [told] } }, 'status')
    expect(await conditions()).toMatchObject({ conditions: [told] })
    const taken = [{ $patch: 'delete', type: told.type }]
    await objects.patch(namespace, { status: { conditions: taken } }, 'status')
    expect(await conditions()).not.toHaveProperty('conditions')
    const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }
    const inside = { ...config, metadata: { ...config.metadata, namespace: 'objects' } }
    await objects.apply({ ...inside, data: { a: '1' } })
    await objects.remove(inside)
    await objects.gone(inside)
    await objects.remove(inside)
    expect(await objects.read(inside)).toBeUndefined()
  })

  test('a trial creates nothing', async () => {
    const trial = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'trial' } }
    expect((await objects.tryApply(trial)).metadata.name).toBe('trial')
    expect(await objects.read(trial)).toBeUndefined()
  })

  test('a kind that the cluster does not know is absent, and cannot be applied', async () => {
    const strange = { apiVersion: 'strange.example/v1', kind: 'Thing', metadata: { name: 'a' } }
    expect(await objects.read(strange)).toBeUndefined()
    expect(await objects.list(strange)).toEqual([])
    await objects.remove(strange)
    await expect(objects.apply(strange)).rejects.toThrow(
      'Cannot apply Thing "a": the cluster has no such kind',
    )
  })

  test('a refusal is told in the words of the API server', async () => {
    const wrong = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'Wrong_Name' } }
    await expect(objects.apply(wrong)).rejects.toThrow(
      /^Cannot apply ConfigMap "Wrong_Name": .*Invalid value: "Wrong_Name"/,
    )
  })
})

describe('the task of the example', () => {
  const said: string[] = []
  let server: Server
  let url = ''
  let folder = ''
  beforeAll(async () => {
    server = slackServer((line) => said.push(line)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    folder = mkdtempSync(join(tmpdir(), 'notify-'))
    const [definition] = await readManifests(join(example, 'keptn-tasks.yaml'))
    const { spec } = definition as unknown as {
      spec: { function: { inline: { code: string } } }
    }
    writeFileSync(join(folder, 'function.ts'), spec.function.inline.code)
  })
  afterAll(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })

  const run = async (
    hook: string,
    taskType: string,
  ): Promise<{ code: number | null; output: string }> => {
    const child = spawn(join(root, 'runtimes', 'deno', 'run-script'), {
      env: {
        PATH: `${join(root, 'node_modules', '.bin')}:/bin:/usr/bin`,
        HOME: folder,
        NO_COLOR: '1',
        SCRIPT: join(folder, 'function.ts'),
        SECURE_DATA: JSON.stringify({ slack_hook: hook, text: 'by a test' }),
        KEPTN_CONTEXT: JSON.stringify({ workloadName: 'web', workloadVersion: '1.0', taskType }),
      },
    })
    const exit = once(child, 'exit') as Promise<[number | null]>
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { code: (await exit)[0], output: output + errors }
  }

  test.each([
    ['pre', 'Deploying *web* 1.0'],
    ['post', 'Deployed *web* 1.0'],
  ])('tells Slack at the %s stage: %s', async (taskType, title) => {
    const { code, output } = await run(`${url}/services/x`, taskType)
    expect({ code, output }).toEqual({ code: 0, output: `Told Slack: ${title}\n` })
    expect(said.at(-1)).toBe(title)
    const messages = (await (await fetch(url)).json()) as unknown[]
    expect(JSON.stringify(messages.at(-1))).toContain('by a test')
  })

  test('fails, saying why, when Slack does not take it', async () => {
    const refusing = createServer((_, response) => {
      response.writeHead(403).end('invalid_token')
    }).listen(0, '127.0.0.1')
    await once(refusing, 'listening')
    const { port } = refusing.address() as AddressInfo
    const { code, output } = await run(`http://127.0.0.1:${port}/services/x`, 'pre')
    refusing.close()
    expect({ code, output }).toEqual({
      code: 1,
      output: 'Slack refused the message: 403 invalid_token\n',
    })
  })
})
