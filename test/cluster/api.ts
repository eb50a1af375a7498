import { Agent, request } from 'node:https'
import type { Credentials } from './certificates.ts'
import { ClusterError } from './run.ts'

/** A call to the API server. A body that is not a string is sent as JSON. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  readonly body?: object
  readonly contentType?: string
}

/** Calls the API server; throws a `ClusterError` for an answer of 400 or above, and if there is none. */
export type Api = (call: Call) => Promise<unknown>

/** Makes the calls a cluster needs while it starts; tests have clients of their own. */
export const apiOf = (server: string, credentials: Credentials): Api => {
  const agent = new Agent({ keepAlive: false, ...credentials })
  return ({ method = 'GET', path, body, contentType = 'application/json' }) =>
    new Promise((resolve, reject) => {
      const fail = (why: string, cause?: unknown): void =>
        reject(new ClusterError(`Cannot ${method} "${server}${path}": ${why}`, { cause }))
      const headers = body === undefined ? {} : { 'content-type': contentType }
      const call = request(
        `${server}${path}`,
        { method, agent, headers, timeout: 30_000 },
        (reply) => {
          let text = ''
          reply.setEncoding('utf8').on('data', (part: string) => (text += part))
          reply.on('error', (cause) => fail(cause.message, cause))
          reply.on('end', () => {
            const status = reply.statusCode ?? 0
            if (status >= 400) fail(`${status} ${text.slice(0, 200)}`)
            else resolve(text.startsWith('{') ? JSON.parse(text) : text)
          })
        },
      )
      call.on('timeout', () => call.destroy(new Error('no answer for 30 s')))
      call.on('error', (cause) => fail(cause.message, cause))
      call.end(body === undefined ? undefined : JSON.stringify(body))
    })
}
