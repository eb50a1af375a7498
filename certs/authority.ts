/**
 * Makes the authority that the API server trusts, and the certificate with which the webhook answers.
 * Keys are RSA, which is all that node-forge makes certificates for, and are written as PKCS#8.
 *
 * @module
 */
import { generateKeyPair, randomBytes, sign } from 'node:crypto'
import { promisify } from 'node:util'
import type { pki } from 'node-forge'

/** A certificate and its private key, both PEM. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

const dayMs = 24 * 60 * 60 * 1_000
// An authority is replaced after two thirds of its life. The last third is longer than the life of what it signed,
// so nothing that it signed outlives it.
const authorityLifeMs = 365 * dayMs
const serverLifeMs = 90 * dayMs
// Whoever checks it may have a clock that is behind ours.
const skewMs = 60 * 60 * 1_000

/** The names under which the webhook of a namespace is reached. */
export const namesOf = (namespace: string): readonly string[] => [
  `lifecycle-webhook-service.${namespace}.svc`,
  `lifecycle-webhook-service.${namespace}.svc.cluster.local`,
  `*.${namespace}.svc`,
]

/** Makes an authority. */
export const createAuthority = (now: Date): Promise<Pair> =>
  issue({
    subject: 'Gatekept authority',
    now,
    lifeMs: authorityLifeMs,
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })

/** Makes a certificate for the services of a namespace. */
export const issueServerCertificate = (
  authority: Pair,
  namespace: string,
  now: Date,
): Promise<Pair> =>
  issue({
    subject: 'lifecycle-webhook-service',
    now,
    lifeMs: serverLifeMs,
    authority,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: namesOf(namespace).map((value) => ({ type: dnsName, value })),
      },
    ],
  })

/** GeneralName `dNSName`, https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6 */
const dnsName = 2

interface Request {
  readonly subject: string
  readonly now: Date
  readonly lifeMs: number
  /** Not given: signs itself. */
  readonly authority?: Pair
  readonly extensions: readonly object[]
}

const issue = async (request: Request): Promise<Pair> => {
  const { now, lifeMs, authority } = request
  // Loaded when it is needed: once in two months, and by one process alone.
  const { default: forge } = await import('node-forge')
  const { publicKey, privateKey: key } = await makeKeys()
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  certificate.serialNumber = randomSerial()
  certificate.validity.notBefore = new Date(now.getTime() - skewMs)
  certificate.validity.notAfter = new Date(now.getTime() + lifeMs)
  certificate.setSubject([{ name: 'commonName', value: request.subject }])

  const issuer = authority ? forge.pki.certificateFromPem(authority.cert) : certificate
  certificate.setIssuer(issuer.subject.attributes)
  certificate.setExtensions([
    ...request.extensions,
    { name: 'subjectKeyIdentifier' },
    // All our authorities have the same name: this tells which of them signed.
    {
      name: 'authorityKeyIdentifier',
      keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes(),
    },
  ])
  const toBeSigned = (): string => forge.asn1.toDer(certificate.tbsCertificate).getBytes()
  certificate.sign(signer(toBeSigned, authority?.key ?? key), forge.md.sha256.create())
  return { cert: forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n'), key }
}

// node-forge's own arithmetic takes fifty times as long, on the thread that answers everything else.
const signer = (toBeSigned: () => string, key: string): pki.rsa.PrivateKey => {
  const native: Pick<pki.rsa.PrivateKey, 'sign'> = {
    sign: () => sign('sha256', Buffer.from(toBeSigned(), 'binary'), key).toString('binary'),
  }
  return native as pki.rsa.PrivateKey
}

const makeKeys = (): Promise<{ publicKey: string; privateKey: string }> =>
  promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })

// Positive, and of full length: a leading zero would have to be written otherwise.
const randomSerial = (): string => `4${randomBytes(16).toString('hex').slice(1)}`
