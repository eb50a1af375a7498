/**
 * The contents of the Secret `keptn-certs`, under Keptn's keys. No I/O.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { createAuthority, issueServerCertificate, type Pair } from './authority.ts'
import { parsePair, renewalOf, type Renewal, type Seen } from './renewal.ts'

/** The texts in the Secret by their keys, decoded; what is missing was not there. */
export type Contents = Readonly<
  Partial<Record<'ca.crt' | 'ca.key' | 'ca.crt.old' | 'tls.crt' | 'tls.key', string>>
>

/** Reads a Secret's data. */
export const decode = (data: Readonly<Record<string, string>> | undefined): Contents =>
  Object.fromEntries(
    Object.entries(data ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]),
  )

/** Writes contents as a Secret's data. */
export const encode = (contents: Contents): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(contents).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  )

/** What has to be made anew in these contents. */
export const renewalIn = (
  contents: Contents,
  namespace: string,
  now: Date,
): Renewal | undefined => {
  const seen: Seen = {
    namespace,
    authority: parsePair(contents['ca.crt'], contents['ca.key']),
    server: parsePair(contents['tls.crt'], contents['tls.key']),
  }
  return renewalOf(seen, now)
}

/**
 * Contents in which a part was made anew. The authority before is kept, so that certificates it signed are trusted until
 * the last process has got its new one. Where the contents don't tell which that was, `trusted` does: what the API server
 * trusts now.
 */
export const renew = async (
  contents: Contents,
  { part }: Renewal,
  at: { readonly namespace: string; readonly now: Date; readonly trusted: string },
): Promise<Contents> => {
  const { namespace, now } = at
  const kept: Pair = { cert: contents['ca.crt'] ?? '', key: contents['ca.key'] ?? '' }
  const authority = part === 'authority' ? await createAuthority(now) : kept
  const server = await issueServerCertificate(authority, namespace, now)
  const old =
    part === 'authority'
      ? [contents['ca.crt'], at.trusted, contents['ca.crt.old']]
          .map((text) => certificateIn(text))
          .find((certificate) => certificate !== undefined && now < certificate.validToDate)
          ?.toString()
      : contents['ca.crt.old']
  return {
    'ca.crt': authority.cert,
    'ca.key': authority.key,
    ...(old !== undefined && { 'ca.crt.old': old }),
    'tls.crt': server.cert,
    'tls.key': server.key,
  }
}

/** The authorities that the API server is to trust: the current one and the one before. */
export const bundleOf = (contents: Contents): string =>
  [contents['ca.crt'], contents['ca.crt.old']]
    // The API server refuses a bundle that holds anything else.
    .filter((text): text is string => certificateIn(text) !== undefined)
    .map((text) => `${text.trim()}\n`)
    .join('')

const certificateIn = (text: string | undefined): X509Certificate | undefined => {
  try {
    return text === undefined ? undefined : new X509Certificate(text)
  } catch {
    return undefined
  }
}
