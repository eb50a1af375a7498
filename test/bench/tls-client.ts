/**
 * Asks one HTTPS server the same question over and over, on a connection that stays open, with as little work of its own as
 * possible: what the client spends is in both of two figures that are compared, and would make them look alike.
 *
 * @module
 */
import { once } from 'node:events'
import { connect } from 'node:tls'

/** Whom to ask what. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly ca: string
  /** The name in the server's certificate. */
  readonly servername: string
  readonly path: string
  readonly body: string
}

/** An open connection. */
export interface Connection {
  /** Sends the question, and resolves to the body of the answer once all of it is there. One at a time. */
  readonly ask: () => Promise<string>
  readonly close: () => void
}

const headEnd = Buffer.from('\r\n\r\n')

/** The body, if all of it has arrived. Throws for an answer that is not 200. */
const bodyOf = (answer: Buffer): string | undefined => {
  const end = answer.indexOf(headEnd)
  if (end < 0) return undefined
  const head = answer.toString('latin1', 0, end)
  if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`Answered "${head.split('\r\n')[0]}"`)
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN)
  if (Number.isNaN(length)) throw new Error('Answered without a content-length')
  const start = end + headEnd.length
  return answer.length < start + length ? undefined : answer.toString('utf8', start, start + length)
}

/** Opens a connection. */
export const openConnection = async (target: Target): Promise<Connection> => {
  const { host, port, ca, servername, path, body } = target
  const socket = connect({ host, port, ca, servername, minVersion: 'TLSv1.3' })
  socket.setNoDelay(true)
  await once(socket, 'secureConnect')
  const question = Buffer.from(
    [
      `POST ${path} HTTP/1.1`,
      `host: ${servername}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  )
  let pending: { resolve: (body: string) => void; reject: (error: Error) => void } | undefined
  let received: Buffer = Buffer.alloc(0)
  socket.on('data', (part: Buffer) => {
    received = received.length === 0 ? part : Buffer.concat([received, part])
    try {
      const answer = bodyOf(received)
      if (answer === undefined) return
      received = Buffer.alloc(0)
      pending?.resolve(answer)
    } catch (error) {
      pending?.reject(error as Error)
    }
  })
  socket.on('error', (error: Error) => pending?.reject(error))
  socket.on('close', () => pending?.reject(new Error('The server closed the connection')))
  return {
    ask: () =>
      new Promise((resolve, reject) => {
        pending = { resolve, reject }
        socket.write(question)
      }),
    close: () => {
      pending = undefined
      socket.destroy()
    },
  }
}
