import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { startWorld, type World } from '../metrics/world.ts'

const golden = join(import.meta.dirname, '../../golden')
const cases = ['convert-sli', 'convert-slo'].flatMap((folder) =>
  readdirSync(join(golden, folder)).map((name) => `${folder}/${name}`),
)

let world: World
beforeAll(async () => {
  world = await startWorld('convert')
})
afterAll(async () => {
  await world.close()
})

test.each(cases)('what the converter makes is accepted as it is: %s', async (name) => {
  const text = readFileSync(join(golden, name, 'objects.yaml'), 'utf8')
  const documents = parseAllDocuments(text).map((document) => document.toJS() as unknown)
  const namespace = await world.namespace(name.replace('/', '-').slice(0, 60).replace(/-+$/, ''))
  const said = await world.cluster.kubectl(
    ['create', '--validate=strict', `--namespace=${namespace}`, '--filename=-'],
    text,
  )
  expect(documents.length).toBeGreaterThan(0)
  expect(said.trim().split('\n')).toHaveLength(documents.length)
})
