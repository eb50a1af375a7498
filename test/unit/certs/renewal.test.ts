import { beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { X509Certificate } from 'node:crypto'
import {
  createAuthority,
  issueServerCertificate,
  namesOf,
  type Pair,
} from '../../../certs/authority.ts'
import { renewsAt } from '../../../certs/renewal.ts'
import { bundleOf, decode, encode, renew, renewalIn, type Contents } from '../../../certs/secret.ts'
import { keptnPair } from './keptn.ts'

const namespace = 'keptn-system'
const dayMs = 24 * 60 * 60 * 1_000
const start = new Date('2026-01-01T00:00:00Z')
const after = (days: number) => new Date(start.getTime() + days * dayMs)

const contentsOf = (authority: Pair, server: Pair): Contents => ({
  'ca.crt': authority.cert,
  'ca.key': authority.key,
  'tls.crt': server.cert,
  'tls.key': server.key,
})

let authority: Pair
let server: Pair
let another: Pair
let good: Contents
beforeAll(async () => {
  authority = await createAuthority(start)
  server = await issueServerCertificate(authority, namespace, start)
  another = await createAuthority(start)
  good = contentsOf(authority, server)
})

describe('when certificates are made anew', () => {
  const cases: [string, () => Contents, Date, string | undefined][] = [
    ['fresh ones stay', () => good, start, undefined],
    ['also if the clock is ten minutes behind', () => good, after(-10 / 1440), undefined],
    ['just before two thirds of its life the server stays', () => good, after(59.9), undefined],
    ['after two thirds of its life the server goes', () => good, after(60.1), 'server: two thirds'],
    ['of the authority too', () => good, after(244), 'authority: two thirds'],
    ['long after the end of both', () => good, after(5000), 'authority: two thirds'],
    ['nothing there', () => ({}), start, 'authority: it is missing'],
    ['no authority', () => ({ ...good, 'ca.crt': '' }), start, 'authority: it is missing'],
    ['no key of it', () => ({ ...good, 'ca.key': '' }), start, 'authority: it is missing'],
    ['no server', () => ({ ...good, 'tls.crt': '' }), start, 'server: it is missing'],
    ['garbage', () => ({ ...good, 'tls.crt': 'garbage' }), start, 'server: it cannot be read'],
    [
      'a garbled key',
      () => ({ ...good, 'tls.key': 'garbage' }),
      start,
      'server: it cannot be read',
    ],
    [
      'a garbled authority',
      () => ({ ...good, 'ca.crt': 'garbage' }),
      start,
      'authority: it cannot be read',
    ],
    [
      'the key of another authority',
      () => ({ ...good, 'ca.key': another.key }),
      start,
      'authority: its key is another one',
    ],
    [
      'the key of another server',
      () => ({ ...good, 'tls.key': another.key }),
      start,
      'server: its key is another one',
    ],
    [
      'a server of another authority of the same name',
      () => contentsOf(another, server),
      start,
      'server: the authority did not sign it',
    ],
    [
      'a server in the place of the authority',
      () => contentsOf(server, server),
      start,
      'authority: it is no authority',
    ],
    ['not valid yet', () => good, after(-1), 'authority: it is not valid yet'],
    [
      "Keptn's, whose key is mislabelled",
      () => contentsOf(keptnPair, keptnPair),
      new Date('2027-01-01T00:00:00Z'),
      'authority: it cannot be read',
    ],
    [
      "Keptn's, whose key was mended",
      () => {
        const key = keptnPair.key.replaceAll('PRIVATE', 'EC PRIVATE')
        return contentsOf({ ...keptnPair, key }, keptnPair)
      },
      new Date('2027-01-01T00:00:00Z'),
      'authority: its key is not RSA',
    ],
  ]
  test.each(cases)('%s', (_, contents, now, expected) => {
    const renewal = renewalIn(contents(), namespace, now)
    const said = renewal && `${renewal.part}: ${renewal.reason}`
    if (expected === undefined) expect(said).toBeUndefined()
    else expect(said).toMatch(new RegExp(`^${expected}`))
  })

  test('other names', () => {
    expect(renewalIn(good, 'elsewhere', start)).toEqual({
      part: 'server',
      reason: 'it has other names',
    })
  })

  test('a reason never holds a key', () => {
    const key = `${authority.key.slice(0, 100)}!${authority.key.slice(100)}`
    const renewal = renewalIn({ ...good, 'ca.key': key }, namespace, start)
    expect(renewal?.reason).toBe('it cannot be read')
  })
})

describe('what is made', () => {
  const at = () => ({ namespace, now: start, trusted: '' })

  test('is in order', async () => {
    const made = await renew({}, { part: 'authority', reason: '' }, at())
    expect(renewalIn(made, namespace, start)).toBeUndefined()
    expect(made['ca.crt.old']).toBeUndefined()
    expect(bundleOf(made)).toBe(made['ca.crt'])
  })

  test('has keys in PKCS#8', async () => {
    const made = await renew({}, { part: 'authority', reason: '' }, at())
    expect(made['tls.key']).toContain('-----BEGIN PRIVATE KEY-----')
    expect(made['ca.key']).toContain('-----BEGIN PRIVATE KEY-----')
  })

  test('a new authority keeps the one before, a new server both', async () => {
    const first = await renew(good, { part: 'authority', reason: '' }, at())
    expect(new X509Certificate(first['ca.crt.old'] ?? '').fingerprint256).toBe(
      new X509Certificate(authority.cert).fingerprint256,
    )
    const second = await renew(first, { part: 'server', reason: '' }, at())
    expect(second['ca.crt']).toBe(first['ca.crt'])
    expect(second['ca.crt.old']).toBe(first['ca.crt.old'])
    expect(second['tls.crt']).not.toBe(first['tls.crt'])
    expect(bundleOf(second).match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
  })

  test('an authority that has ended, or that cannot be read, is not kept', async () => {
    const ended = await renew(good, { part: 'authority', reason: '' }, { ...at(), now: after(366) })
    expect(ended['ca.crt.old']).toBeUndefined()
    const garbled = { ...good, 'ca.crt': 'garbage', 'ca.crt.old': 'garbage' }
    const mended = await renew(garbled, { part: 'authority', reason: '' }, at())
    expect(mended['ca.crt.old']).toBeUndefined()
    expect(bundleOf({ ...mended, 'ca.crt.old': 'garbage' })).toBe(bundleOf(mended))
  })

  test('where the Secret is gone, what the API server trusts is kept', async () => {
    const made = await renew(
      {},
      { part: 'authority', reason: '' },
      { ...at(), trusted: authority.cert + another.cert },
    )
    expect(new X509Certificate(made['ca.crt.old'] ?? '').fingerprint256).toBe(
      new X509Certificate(authority.cert).fingerprint256,
    )
  })

  test('survives base64', () => {
    expect(decode(encode(good))).toEqual(good)
  })

  test('a client that trusts the bundle believes it under each of its names, through a change of authorities', async () => {
    const now = new Date()
    const first = await renew({}, { part: 'authority', reason: '' }, { ...at(), now })
    const changed = await renew(first, { part: 'authority', reason: '' }, { ...at(), now })
    for (const serving of [first, changed]) {
      const listening = await listen(serving)
      try {
        for (const name of namesOf(namespace)) {
          const host = name.replace('*', 'metrics-operator-service')
          await handshake(listening, host, bundleOf(changed))
        }
        await expect(
          handshake(listening, 'kubernetes.default.svc', bundleOf(changed)),
        ).rejects.toThrow()
        await expect(
          handshake(listening, namesOf(namespace)[0] ?? '', another.cert),
        ).rejects.toThrow()
      } finally {
        listening.close()
      }
    }
  })
})

const listen = async (contents: Contents): Promise<Server> => {
  const listening = createServer({ cert: contents['tls.crt'], key: contents['tls.key'] })
  await new Promise((resolve) => listening.listen(0, '127.0.0.1', () => resolve(undefined)))
  return listening
}

const handshake = async (listening: Server, servername: string, ca: string): Promise<void> => {
  const { port } = listening.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', servername, ca })
  try {
    await once(socket, 'secureConnect')
  } finally {
    socket.destroy()
  }
}

test('over two years, looked at each day, the served certificate is always valid and always trusted', async () => {
  let contents: Contents = {}
  // A pod may serve a certificate for some time after the Secret has a newer one.
  let before: Contents = {}
  let authorities = 0
  for (let day = 0; day <= 730; day++) {
    const now = after(day)
    const renewal = renewalIn(contents, namespace, now)
    if (renewal !== undefined) {
      before = contents
      contents = await renew(contents, renewal, { namespace, now, trusted: '' })
      if (renewal.part === 'authority') authorities++
    }
    expect(renewalIn(contents, namespace, now)).toBeUndefined()
    const trusted = bundleOf(contents)
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .map((pem) => new X509Certificate(pem))
    for (const serving of [contents['tls.crt'], before['tls.crt']]) {
      if (serving === undefined) continue
      const certificate = new X509Certificate(serving)
      expect(trusted.some((each) => certificate.verify(each.publicKey))).toBe(true)
    }
    const current = new X509Certificate(contents['tls.crt'] ?? '')
    expect(current.validToDate.getTime() - now.getTime()).toBeGreaterThan(29 * dayMs)
    expect(renewsAt(current) > now).toBe(true)
  }
  expect(authorities).toBe(3)
})
