/**
 * Whether a client believes the certificates of a server: what a TLS client of Go checks, such as the API server.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/** What a client believes. */
export interface Believer {
  /** The name, or address, under which it calls the server. */
  readonly host: string
  readonly authorities: readonly X509Certificate[]
}

// A chain has two or three. Each more is tried below each other one, so there is an end.
const maxChain = 8

/** The certificates in a PEM text, in their order. What can't be read is left out. */
export const certificatesIn = (pem: string | undefined): readonly X509Certificate[] =>
  (pem?.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).flatMap(
    (text) => {
      try {
        return [new X509Certificate(text)]
      } catch {
        return []
      }
    },
  )

/** Whether a client believes a server that shows this chain: its own certificate first, then whatever leads to an authority. */
export const believes = (
  { host, authorities }: Believer,
  chain: readonly X509Certificate[],
  now: Date,
): boolean => {
  const [server, ...between] = chain.slice(0, maxChain)
  if (server === undefined || !isFor(server, host)) return false
  return leadsTo(authorities, { certificate: server, between, now })
}

/** Whether a certificate is valid at this time. */
export const isValidAt = (certificate: X509Certificate, now: Date): boolean =>
  certificate.validFromDate <= now && now < certificate.validToDate

const isFor = (certificate: X509Certificate, host: string): boolean =>
  isIP(host) === 0
    ? certificate.checkHost(host, { subject: 'never' }) !== undefined
    : certificate.checkIP(host) !== undefined

const leadsTo = (
  authorities: readonly X509Certificate[],
  {
    certificate,
    between,
    now,
  }: {
    readonly certificate: X509Certificate
    readonly between: readonly X509Certificate[]
    readonly now: Date
  },
): boolean => {
  if (!isValidAt(certificate, now)) return false
  const isTrusted = (each: X509Certificate): boolean =>
    each.fingerprint256 === certificate.fingerprint256 ||
    (isValidAt(each, now) && hasSigned(each, certificate))
  if (authorities.some(isTrusted)) return true
  return between.some(
    (each, index) =>
      hasSigned(each, certificate) &&
      leadsTo(authorities, { certificate: each, between: between.toSpliced(index, 1), now }),
  )
}

const hasSigned = (authority: X509Certificate, certificate: X509Certificate): boolean =>
  authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
