/**
 * The programs that the example needs around it, in one image: the example's own server, which runs if nothing is said, and
 * stand-ins for Slack and for kube-state-metrics.
 *
 * @module
 */
import type { Server } from 'node:http'
import { capacityServer } from './capacity.ts'
import { simplenodeServer } from './simplenode.ts'
import { slackServer } from './slack.ts'

const [role = 'simplenode'] = process.argv.slice(2)
const cpus = Number(process.env['CPUS'] ?? 8)
const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const servers: Readonly<Record<string, () => Server>> = {
  simplenode: () => simplenodeServer(),
  capacity: () => capacityServer(cpus),
  slack: () => slackServer(say),
}
const make = servers[role]
if (make === undefined) throw new Error(`There is no server "${role}"`)
const server = make().listen(8080)

process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
