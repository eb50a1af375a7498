import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'

/** A proxy on loopback, and what it was asked. */
export interface ProxyServer {
  readonly url: URL
  /** `host:port` of each tunnel that was asked for, with its credentials. */
  readonly asked: readonly { readonly place: string; readonly login: string | undefined }[]
  /** All that went through its tunnels, in both directions. */
  readonly passed: () => string
  readonly close: () => Promise<void>
}

/** How a proxy treats a tunnel: to where it leads, the status it is refused with, or that nothing is ever said. */
export type Treatment = { readonly port: number } | { readonly status: number } | 'silent'

/** Starts a proxy that looks no name up: it leads each tunnel to loopback. */
export const startProxy = async (treat: (place: string) => Treatment): Promise<ProxyServer> => {
  const asked: { readonly place: string; readonly login: string | undefined }[] = []
  const chunks: Buffer[] = []
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.on('data', (chunk) => chunks.push(chunk))
    return socket.on('error', () => socket.destroy())
  }
  const server = createServer((_request, response) => response.writeHead(400).end())
  server.on('connect', (request, client: Socket) => {
    const place = request.url ?? ''
    asked.push({ place, login: request.headers['proxy-authorization'] })
    keep(client)
    const treatment = treat(place)
    if (treatment === 'silent') return
    if ('status' in treatment) {
      client.end(`HTTP/1.1 ${treatment.status} No\r\ncontent-length: 6\r\n\r\nsecret`)
      return
    }
    const source = keep(connect(treatment.port, '127.0.0.1'))
    source.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(source)
      source.pipe(client)
    })
    client.once('close', () => source.destroy())
    source.once('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    asked,
    passed: () => Buffer.concat(chunks).toString('latin1'),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
