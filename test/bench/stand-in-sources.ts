/**
 * Sources that answer as Prometheus does, or badly.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** How a source answers. */
export type Manner = 'well' | 'hanging' | 'endless'

/** Sources that run in this process, until it ends. */
export interface StandInSources {
  readonly urls: readonly string[]
  /** From here on, the source answers like this. What hangs then is answered. */
  readonly set: (source: number, manner: Manner) => void
}

const hangMs = 20_000
const endless = Buffer.alloc(64 * 1024, '[')
const endlessPieces = (10 * 1024 * 1024) / endless.length

const sendMuch = (response: ServerResponse, left = endlessPieces): void => {
  if (response.destroyed || left === 0) response.end()
  else response.write(endless, () => sendMuch(response, left - 1))
}

const sendValue = (response: ServerResponse): void => {
  const value = [Date.now() / 1000, '42']
  const data = { resultType: 'vector', result: [{ metric: {}, value }] }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ status: 'success', data }))
}

/** Starts sources that answer well. `asked` is told each query, and the instant at which its request began to come. */
export const startStandInSources = async (
  count: number,
  asked: (source: number, query: string, at: number) => void,
): Promise<StandInSources> => {
  const manners: Manner[] = Array.from({ length: count }, () => 'well')
  const hanging = new Map<ServerResponse, NodeJS.Timeout>()
  const release = (response: ServerResponse): void => {
    clearTimeout(hanging.get(response))
    hanging.delete(response)
    sendValue(response)
  }
  const answer = async (
    source: number,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const at = Date.now()
    const query = new URLSearchParams(await text(request)).get('query') ?? ''
    asked(source, query, at)
    const manner = manners[source]
    if (manner === 'hanging') {
      hanging.set(
        response,
        setTimeout(() => release(response), hangMs),
      )
      response.once('close', () => {
        clearTimeout(hanging.get(response))
        hanging.delete(response)
      })
    } else if (manner === 'endless') sendMuch(response)
    else sendValue(response)
  }
  const servers = await Promise.all(
    manners.map(async (_, source) => {
      const server = createServer((request, response) => {
        // One that gives up in the middle of its question is not answered.
        answer(source, request, response).catch(() => response.destroy())
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  return {
    urls: servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    set: (source, manner) => {
      manners[source] = manner
      if (manner !== 'hanging') for (const response of hanging.keys()) release(response)
    },
  }
}
