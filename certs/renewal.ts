/**
 * Whether certificates have to be made anew, and why. An ordered list of checks, each a sentence when it fails.
 *
 * @module
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { namesOf } from './authority.ts'

/** A certificate with its key, or what is wrong with them. */
export type SeenPair =
  { readonly certificate: X509Certificate; readonly key: KeyObject } | { readonly problem: string }

/** What a Secret holds, as far as it can be read. */
export interface Seen {
  readonly namespace: string
  readonly authority: SeenPair
  readonly server: SeenPair
}

/** What to make anew. A new authority takes a new server certificate with it. */
export interface Renewal {
  readonly part: 'authority' | 'server'
  readonly reason: string
}

/** Reads a pair from PEM. Never throws, and never says what a key holds. */
export const parsePair = (cert: string | undefined, key: string | undefined): SeenPair => {
  if (!cert || !key) return { problem: 'it is missing' }
  try {
    return { certificate: new X509Certificate(cert), key: createPrivateKey(key) }
  } catch {
    return { problem: 'it cannot be read' }
  }
}

/** What has to be made anew at this time; `undefined`: all is well. */
export const renewalOf = (seen: Seen, now: Date): Renewal | undefined => {
  const ofAuthority = firstReason(authorityChecks, seen.authority, seen, now)
  if (ofAuthority !== undefined) return { part: 'authority', reason: ofAuthority }
  const ofServer = firstReason(serverChecks, seen.server, seen, now)
  return ofServer === undefined ? undefined : { part: 'server', reason: ofServer }
}

/** The instant after which a certificate is renewed: two thirds of its life. */
export const renewsAt = (certificate: X509Certificate): Date => {
  const from = certificate.validFromDate.getTime()
  const to = certificate.validToDate.getTime()
  return new Date(from + ((to - from) * 2) / 3)
}

type Readable = Extract<SeenPair, { certificate: unknown }>
type Check = (pair: Readable, seen: Seen, now: Date) => string | undefined

const belongsTogether: Check = ({ certificate, key }) =>
  certificate.checkPrivateKey(key) ? undefined : 'its key is another one'

const hasBegun: Check = ({ certificate }, _seen, now) =>
  certificate.validFromDate <= now ? undefined : 'it is not valid yet'

const isYoung: Check = ({ certificate }, _seen, now) =>
  now < renewsAt(certificate) ? undefined : 'two thirds of its life are over'

const maySign: Check = ({ certificate }) => (certificate.ca ? undefined : 'it is no authority')

// Keptn's are on elliptic curves, with which node-forge can't sign.
const isRsa: Check = ({ key }) =>
  key.asymmetricKeyType === 'rsa' ? undefined : 'its key is not RSA'

const isSignedByAuthority: Check = ({ certificate }, { authority }) =>
  'certificate' in authority &&
  certificate.checkIssued(authority.certificate) &&
  certificate.verify(authority.certificate.publicKey)
    ? undefined
    : 'the authority did not sign it'

const hasNames: Check = ({ certificate }, { namespace }) =>
  namesOf(namespace).every((name) => certificate.checkHost(name.replace('*', 'any')) !== undefined)
    ? undefined
    : 'it has other names'

const authorityChecks: readonly Check[] = [belongsTogether, maySign, isRsa, hasBegun, isYoung]
const serverChecks: readonly Check[] = [
  belongsTogether,
  isSignedByAuthority,
  hasNames,
  hasBegun,
  isYoung,
]

const firstReason = (
  checks: readonly Check[],
  pair: SeenPair,
  seen: Seen,
  now: Date,
): string | undefined => {
  if ('problem' in pair) return pair.problem
  for (const check of checks) {
    const reason = check(pair, seen, now)
    if (reason !== undefined) return reason
  }
  return undefined
}
