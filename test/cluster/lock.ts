import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { sleep } from './run.ts'

/** The server that holds the lock, or undefined if another holds it. */
const take = (address: string): Promise<Server | undefined> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () => {
      server.unref()
      resolve(server)
    })
  })

/**
 * Does something while no other process of this machine does something under the same name.
 *
 * The lock is a listening socket without a file: the kernel gives it to one process, and takes it back when that
 * process ends in whatever way, so that none is ever left behind.
 */
export const withLock = async <T>(
  name: string,
  work: () => Promise<T>,
  onWait: () => void = () => undefined,
): Promise<T> => {
  const address = `\0gatekept-${createHash('sha256').update(name).digest('hex')}`
  let server = await take(address)
  if (server === undefined) onWait()
  while (server === undefined) {
    await sleep(50)
    server = await take(address)
  }
  try {
    return await work()
  } finally {
    server.close()
  }
}
