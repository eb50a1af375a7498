import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { capacityServer } from '../../../demo/services/capacity.ts'
import { simplenodeServer } from '../../../demo/services/simplenode.ts'
import { slackServer } from '../../../demo/services/slack.ts'

const servers: Server[] = []
const start = async (server: Server): Promise<string> => {
  servers.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

test('the stand-in for kube-state-metrics says how many CPUs there are', async () => {
  const answer = await fetch(`${await start(capacityServer(6))}/metrics`)
  expect(await answer.text()).toMatch(/^kube_node_status_capacity\{.*resource="cpu".*\} 6$/m)
})

test('the example tells how long its last answer took', async () => {
  let ms = 0
  const url = await start(simplenodeServer(() => (ms += 7)))
  expect(await (await fetch(url)).text()).toBe('Hello from simplenode\n')
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(
    /^simplenode_response_milliseconds 7\.000$/m,
  )
})

test("Slack's stand-in takes messages, says them and remembers them", async () => {
  const said: string[] = []
  const url = await start(slackServer((line) => said.push(line)))
  const post = (body: string) => fetch(`${url}/services/x`, { method: 'POST', body })
  expect(await (await post('{"text":"Hello"}')).text()).toBe('ok')
  expect(said).toEqual(['Hello'])
  expect(await (await fetch(`${url}/messages`)).json()).toEqual([{ text: 'Hello' }])
})

test.each(['Hello', '{}', '{"text":1}'])(
  "Slack's stand-in refuses what Slack would: %s",
  async (body) => {
    const said: string[] = []
    const url = await start(slackServer((line) => said.push(line)))
    const answer = await fetch(url, { method: 'POST', body })
    expect({ status: answer.status, text: await answer.text(), said }).toEqual({
      status: 400,
      text: 'invalid_payload',
      said: [],
    })
  },
)
