import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { X509Certificate } from 'node:crypto'
import { mkdtemp, rename, rm, symlink, unlink, writeFile, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { createAuthority, issueServerCertificate, type Pair } from '../../../certs/authority.ts'
import {
  readPrivateKey,
  serveCertificate,
  type KeyPair,
} from '../../../kube/serving-certificate.ts'
import { eventually } from '../../eventually.ts'
import { keptnPair } from '../certs/keptn.ts'

let folder: string
let stopping: AbortController
let used: KeyPair[]
let logged: Readonly<Record<string, unknown>>[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certificate-'))
  stopping = new AbortController()
  used = []
  logged = []
})
afterEach(async () => {
  stopping.abort()
  await rm(folder, { recursive: true })
})

const serve = (isBelieved?: (chain: readonly X509Certificate[]) => boolean, from = folder) =>
  serveCertificate({
    folder: from,
    orElse: 'do without',
    use: (pair) => used.push(pair),
    ...(isBelieved && { isBelieved }),
    log: pino(
      { level: 'info' },
      { write: (line) => logged.push(JSON.parse(line) as (typeof logged)[0]) },
    ),
    signal: stopping.signal,
  })
const put = async (pair: Pair) => {
  await writeFile(join(folder, 'tls.crt'), pair.cert)
  await writeFile(join(folder, 'tls.key'), pair.key)
}
const make = async (now = new Date()) =>
  issueServerCertificate(await createAuthority(now), 'keptn-system', now)

describe('the served certificate', () => {
  test('is loaded, and valid in its time', async () => {
    await put(await make())
    const served = serve()
    await served.refresh()
    expect(used).toHaveLength(1)
    expect(served.isValid(new Date())).toBe(true)
    expect(served.isValid(new Date(Date.now() + 91 * 24 * 3_600_000))).toBe(false)
    expect(served.isValid(new Date(Date.now() - 2 * 3_600_000))).toBe(false)
  })

  test('is not valid before there is one', async () => {
    const served = serve()
    await served.refresh()
    expect(used).toEqual([])
    expect(served.isValid(new Date())).toBe(false)
  })

  test('is asked for in one sentence while there is none, and taken as soon as there is', async () => {
    const later = join(folder, 'later')
    const served = serve(undefined, later)
    for (let look = 0; look < 20; look++) await served.refresh()
    await mkdir(later)
    await served.refresh()
    expect(logged).toHaveLength(1)
    expect(logged[0]).toMatchObject({
      level: 40,
      msg: 'Certificate could not be loaded',
      reason: `Put tls.crt and tls.key into "${later}", or name their folder in CERTIFICATE_FOLDER, or do without`,
    })
    expect(logged[0]).not.toHaveProperty('err')
    const pair = await make()
    await writeFile(join(later, 'tls.crt'), pair.cert)
    await writeFile(join(later, 'tls.key'), pair.key)
    // Without being asked, and although the folder was not there to be watched.
    await eventually(() => expect(served.isValid(new Date())).toBe(true), { timeoutMs: 5_000 })
  })

  test('is not loaded again while it stays the same', async () => {
    await put(await make())
    const served = serve()
    await served.refresh()
    await served.refresh()
    expect(used).toHaveLength(1)
  })

  test("Keptn's mislabelled key is taken", async () => {
    await put(keptnPair)
    const served = serve()
    await served.refresh()
    expect(used).toHaveLength(1)
    expect(used[0]?.key).toMatch(/^-----BEGIN PRIVATE KEY-----/)
    expect(used[0]?.key).not.toBe(keptnPair.key)
  })

  test.each([
    ['garbage', (good: Pair) => ({ ...good, cert: 'garbage' })],
    ['a garbled key', (good: Pair) => ({ ...good, key: 'garbage' })],
    ['the key of another', (good: Pair) => ({ ...good, key: keptnPair.key })],
  ])('goes on when %s appears', async (_, broken) => {
    const good = await make()
    await put(good)
    const served = serve()
    await served.refresh()
    await put(broken(good))
    await served.refresh()
    expect(used).toHaveLength(1)
    expect(served.isValid(new Date())).toBe(true)
    await put(await make())
    await served.refresh()
    expect(used).toHaveLength(2)
  })

  describe('while clients have a say', () => {
    const pemOf = (chain: readonly X509Certificate[]) => chain.map(String).join('')

    test('is the first there is, though they do not believe it yet', async () => {
      let trusted = ''
      const pair = await make()
      await put(pair)
      const served = serve((chain) => pemOf(chain) === trusted)
      await served.refresh()
      expect(used).toHaveLength(1)
      expect(served.isBelieved()).toBe(false)
      trusted = pair.cert
      expect(served.isBelieved()).toBe(true)
    })

    test('is not swapped for one that they do not believe yet, and is as soon as they do', async () => {
      const [first, second] = [await make(), await make()]
      let trusted = [first.cert]
      await put(first)
      const served = serve((chain) => trusted.includes(pemOf(chain)))
      await served.refresh()
      await put(second)
      await served.refresh()
      expect(used.map(({ cert }) => cert)).toEqual([first.cert])
      expect(served.isBelieved()).toBe(true)
      trusted = [first.cert, second.cert]
      served.reconsider()
      expect(used.map(({ cert }) => cert)).toEqual([first.cert, second.cert])
      trusted = []
      await served.refresh()
      expect(used).toHaveLength(2)
      expect(served.isBelieved()).toBe(false)
    })

    test('is swapped where they believe neither', async () => {
      await put(await make())
      const served = serve(() => false)
      await served.refresh()
      await put(await make())
      await served.refresh()
      expect(used).toHaveLength(2)
    })

    test('is swapped also where the files are gone meanwhile', async () => {
      const [first, second] = [await make(), await make()]
      let trusted = [first.cert]
      await put(first)
      const served = serve((chain) => trusted.includes(pemOf(chain)))
      await served.refresh()
      await put(second)
      await served.refresh()
      await unlink(join(folder, 'tls.crt'))
      trusted = [second.cert]
      served.reconsider()
      expect(used.at(-1)?.cert).toBe(second.cert)
    })
  })

  test('is swapped as the kubelet replaces a mounted Secret, without being asked', async () => {
    const mount = async (name: string, pair: Pair) => {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'tls.crt'), pair.cert)
      await writeFile(join(folder, name, 'tls.key'), pair.key)
      await symlink(name, join(folder, '..data_tmp'))
      await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    }
    const first = await make()
    await mount('..1', first)
    await symlink('..data/tls.crt', join(folder, 'tls.crt'))
    await symlink('..data/tls.key', join(folder, 'tls.key'))
    const served = serve()
    await served.refresh()
    expect(used.map(({ cert }) => cert)).toEqual([first.cert])
    const second = await make()
    await mount('..2', second)
    // Well below the time after which the files are looked at anyway.
    await eventually(() => expect(used.at(-1)?.cert).toBe(second.cert), { timeoutMs: 5_000 })
    await unlink(join(folder, '..data'))
  })
})

test('a key that is none is refused', () => {
  expect(() => readPrivateKey('garbage')).toThrow()
  expect(() =>
    readPrivateKey('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'),
  ).toThrow()
})
