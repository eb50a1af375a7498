import { beforeAll, describe, expect, test } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import forge from 'node-forge'
import { believes, certificatesIn } from '../../../kube/certificate-chain.ts'

const now = new Date('2026-06-01T00:00:00Z')
const year = (count: number) => new Date(now.getTime() + count * 365 * 24 * 3_600_000)

interface Issued {
  readonly name: string
  readonly pem: string
  readonly keys: forge.pki.rsa.KeyPair
}

let serial = 1
const issue = (
  name: string,
  by: Issued | undefined,
  { ca = true, from = year(-1), to = year(1) } = {},
): Issued => {
  const keys = forge.pki.rsa.generateKeyPair(1024)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = keys.publicKey
  certificate.serialNumber = `0${serial++}`
  certificate.validity = { notBefore: from, notAfter: to }
  certificate.setSubject([{ name: 'commonName', value: name }])
  certificate.setIssuer([{ name: 'commonName', value: by?.name ?? name }])
  certificate.setExtensions([
    { name: 'basicConstraints', cA: ca, critical: true },
    {
      name: 'subjectAltName',
      altNames: [
        { type: 2, value: `${name}.svc` },
        { type: 7, ip: '10.0.0.1' },
      ],
    },
  ])
  certificate.sign((by?.keys ?? keys).privateKey, forge.md.sha256.create())
  return { name, pem: forge.pki.certificateToPem(certificate), keys }
}

const certificates: Record<string, X509Certificate> = {}
beforeAll(() => {
  const root = issue('root', undefined)
  const middle = issue('middle', root)
  const made: Record<string, Issued> = {
    root,
    middle,
    namesake: issue('root', undefined),
    endedRoot: issue('root', undefined, { to: year(-0.5) }),
    web: issue('web', root, { ca: false }),
    webBelowMiddle: issue('web', middle, { ca: false }),
    webBelowEndedMiddle: issue('web', issue('middle', root, { to: year(-0.5) }), { ca: false }),
    endedWeb: issue('web', root, { ca: false, to: year(-0.5) }),
    alone: issue('web', undefined, { ca: false }),
    belowNoAuthority: issue('web', issue('x', root, { ca: false }), { ca: false }),
  }
  for (const [key, { pem }] of Object.entries(made)) certificates[key] = new X509Certificate(pem)
})

const all = (names: string): readonly X509Certificate[] =>
  names.split(' ').flatMap((name) => certificates[name] ?? [])

describe('a server', () => {
  test.each([
    ['signed by an authority', 'web', 'root', true],
    ['signed by one of the authorities', 'web', 'namesake root', true],
    ['signed by an authority below it, which it shows', 'webBelowMiddle middle', 'root', true],
    ['the same, shown in another order', 'webBelowMiddle web middle', 'root', true],
    ['the same, which is trusted itself', 'webBelowMiddle', 'middle', true],
    ['that is trusted itself', 'alone', 'alone', true],
    ['without what leads to the authority', 'webBelowMiddle', 'root', false],
    ['signed by an authority of the same name', 'web', 'namesake', false],
    ['signed by nobody that is trusted', 'alone', 'root', false],
    ['whose time is over', 'endedWeb', 'root', false],
    ['for which there are no authorities', 'web', '', false],
    ['that shows nothing', '', 'root', false],
  ])('%s: %s to who trusts %s is believed: %s', (_, chain, authorities, expected) => {
    expect(believes({ host: 'web.svc', authorities: all(authorities) }, all(chain), now)).toBe(
      expected,
    )
  })

  test('is not believed below an authority whose time is over, nor before its own', () => {
    const root = { host: 'web.svc', authorities: all('root') }
    expect(believes(root, all('web'), year(2))).toBe(false)
    expect(believes(root, all('web'), year(-2))).toBe(false)
    expect(believes({ ...root, authorities: all('endedRoot') }, all('web'), now)).toBe(false)
  })

  test.each([
    ['web.svc', true],
    ['10.0.0.1', true],
    ['other.svc', false],
    ['10.0.0.2', false],
    // Its common name, which nobody goes by any more.
    ['web', false],
    ['', false],
  ])('is believed under its names alone: %s', (host, expected) => {
    expect(believes({ host, authorities: all('root') }, all('web'), now)).toBe(expected)
  })
})

describe('a bundle', () => {
  test('is read with whatever stands between', () => {
    const text = all('root middle').map((each) => `# an authority\n${each.toString()}\n`)
    expect(certificatesIn(text.join('')).map(({ subject }) => subject)).toEqual([
      'CN=root',
      'CN=middle',
    ])
  })

  test.each([
    ['none', undefined],
    ['an empty one', ''],
    ['garbage', 'garbage'],
    ['garbage in a frame', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('of %s has no certificates', (_, text) => {
    expect(certificatesIn(text)).toEqual([])
  })
})
