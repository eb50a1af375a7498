import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { text } from 'node:stream/consumers'

const titleOf = (body: string): string | undefined => {
  try {
    const { text: title } = JSON.parse(body) as { readonly text?: unknown }
    return typeof title === 'string' ? title : undefined
  } catch {
    return undefined // As Slack does, say that it isn't a message.
  }
}

/**
 * Takes messages as Slack's incoming webhooks do, says each, and tells at `/messages` which came: a JSON list of what was
 * sent.
 */
export const slackServer = (say: (line: string) => void): Server => {
  const messages: unknown[] = []
  return createServer((request, response) => {
    const answer = (status: number, body: string): void => {
      response.writeHead(status).end(body)
    }
    if (request.method !== 'POST') {
      answer(200, JSON.stringify(messages))
      return
    }
    text(request).then(
      (body) => {
        const title = titleOf(body)
        if (title === undefined) {
          answer(400, 'invalid_payload')
          return
        }
        messages.push(JSON.parse(body))
        say(title)
        answer(200, 'ok')
      },
      () => answer(400, 'invalid_payload'),
    )
  })
}
