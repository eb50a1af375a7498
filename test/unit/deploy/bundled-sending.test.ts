import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { bundle } from '../../../deploy/bundle.ts'
import { root } from '../../../deploy/paths.ts'
import type * as sending from '../../../telemetry/traces/sending.ts'
import { endsOf, spanOf } from '../../../telemetry/traces/spans.ts'
import * as example from '../telemetry/traces/example.ts'
import { startReceiver } from '../telemetry/traces/receiver.ts'

let folder = ''
let bundled: typeof sending
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bundle-'))
  for (const { path, content } of await bundle(join(root, 'telemetry', 'traces', 'sending.ts'))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  bundled = (await import(pathToFileURL(join(folder, 'main.mjs')).href)) as typeof sending
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

// Of both libraries the bundle leaves something out.
test.each(['grpc', 'http'] as const)('the image sends spans over %s', async (protocol) => {
  const receiver = await startReceiver(protocol)
  const exporter = bundled.createExporter({ 'service.name': 'lifecycle-operator' })
  try {
    const spans = endsOf(example.app).flatMap(
      (ended) => spanOf(example.app, ended, example.sources) ?? [],
    )
    const settings = {
      collector: `127.0.0.1:${String(receiver.port)}`,
      protocol,
      isSecure: false,
      secrets: () => Promise.resolve({ headers: { 'x-token': 'a' } }),
    }
    const { signal } = new AbortController()
    expect(await exporter.send(spans, settings, signal)).toEqual({
      outcome: 'delivered',
      refused: 0,
    })
    expect(receiver.spans.map(({ name }) => name)).toEqual(spans.map(({ name }) => name))
  } finally {
    exporter.close()
    await receiver.close()
  }
})
