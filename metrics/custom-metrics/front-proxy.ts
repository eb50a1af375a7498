/**
 * How the API server that passes requests on proves who it is, and tells who asked. It says so itself, in the ConfigMap
 * `extension-apiserver-authentication`.
 *
 * @module
 */
import type { X509Certificate } from 'node:crypto'
import type { ConfigMap } from '../../api/kubernetes.ts'
import { certificatesIn, isValidAt } from '../../kube/certificate-chain.ts'

/** Who asks. */
export interface User {
  readonly username: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

/** Which certificates are believed, and in which headers a front proxy names the user. */
export interface Trust {
  /** Of front proxies. */
  readonly proxyAuthorities: readonly X509Certificate[]
  /** Common names that a front proxy may have; none: any. */
  readonly proxyNames: readonly string[]
  readonly usernameHeaders: readonly string[]
  readonly uidHeaders: readonly string[]
  readonly groupHeaders: readonly string[]
  readonly extraPrefixes: readonly string[]
  /** Of users who show a certificate of their own. */
  readonly clientAuthorities: readonly X509Certificate[]
}

/** Where the ConfigMap is. */
export const trustConfigMap = {
  namespace: 'kube-system',
  name: 'extension-apiserver-authentication',
} as const

/** Each header's values, one for each time that it was sent; names in lower case. */
export type Headers = Readonly<Record<string, readonly string[] | undefined>>

/** Reads the ConfigMap. What is missing or can't be read is trusted by nobody. */
export const trustOf = ({ data = {} }: Pick<ConfigMap, 'data'>): Trust => ({
  proxyAuthorities: certificatesIn(data['requestheader-client-ca-file']),
  proxyNames: listIn(data['requestheader-allowed-names']),
  usernameHeaders: headersIn(data['requestheader-username-headers']),
  uidHeaders: headersIn(data['requestheader-uid-headers']),
  groupHeaders: headersIn(data['requestheader-group-headers']),
  extraPrefixes: headersIn(data['requestheader-extra-headers-prefix']),
  clientAuthorities: certificatesIn(data['client-ca-file']),
})

/** Who a front proxy says that is asking; `undefined`: it names nobody, or is none that is trusted. */
export const userByProxy = (
  certificate: X509Certificate,
  headers: Headers,
  trust: Trust,
  now: Date,
): User | undefined => {
  if (!isSignedBy(certificate, trust.proxyAuthorities, now)) return undefined
  const { CN } = subjectOf(certificate)
  if (trust.proxyNames.length > 0 && (CN === undefined || !trust.proxyNames.includes(CN))) {
    return undefined
  }
  const username = firstOf(trust.usernameHeaders, headers)
  if (username === undefined) return undefined
  const uid = firstOf(trust.uidHeaders, headers)
  return {
    username,
    ...(uid !== undefined && { uid }),
    groups: trust.groupHeaders.flatMap((header) => headers[header] ?? []),
    extra: extraIn(headers, trust.extraPrefixes),
  }
}

/** Whom a client's own certificate names; `undefined`: nobody, or it is not trusted. */
export const userByCertificate = (
  certificate: X509Certificate,
  trust: Trust,
  now: Date,
): User | undefined => {
  if (!isSignedBy(certificate, trust.clientAuthorities, now)) return undefined
  const { CN, O } = subjectOf(certificate)
  return CN === undefined ? undefined : { username: CN, groups: O, extra: {} }
}

const clientAuth = '1.3.6.1.5.5.7.3.2'

/** Whether one of these authorities signed it, directly, as a client's, and both are valid now. */
const isSignedBy = (
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
  now: Date,
): boolean => {
  // Without the extension a certificate may be used for anything.
  const { keyUsage } = certificate as { readonly keyUsage?: readonly string[] }
  if (keyUsage !== undefined && !keyUsage.includes(clientAuth)) return false
  return (
    isValidAt(certificate, now) &&
    authorities.some(
      (authority) =>
        authority.ca &&
        isValidAt(authority, now) &&
        certificate.checkIssued(authority) &&
        certificate.verify(authority.publicKey),
    )
  )
}

interface Subject {
  readonly CN?: string
  readonly O: readonly string[]
}

// Two common names are nobody's.
const subjectOf = (certificate: X509Certificate): Subject => {
  const { CN, O } = certificate.toLegacyObject().subject as {
    readonly CN?: string | readonly string[]
    readonly O?: string | readonly string[]
  }
  return {
    ...(typeof CN === 'string' && CN !== '' && { CN }),
    O: O === undefined ? [] : [O].flat(),
  }
}

const firstOf = (names: readonly string[], headers: Headers): string | undefined => {
  for (const name of names) {
    const value = headers[name]?.[0]
    if (value !== undefined && value !== '') return value
  }
  return undefined
}

const extraIn = (
  headers: Headers,
  prefixes: readonly string[],
): Readonly<Record<string, readonly string[]>> => {
  const extra = new Map<string, readonly string[]>()
  for (const [name, values = []] of Object.entries(headers)) {
    const prefix = prefixes.find((each) => name.startsWith(each))
    if (prefix === undefined) continue
    const key = decoded(name.slice(prefix.length))
    extra.set(key, [...(extra.get(key) ?? []), ...values])
  }
  return Object.fromEntries(extra)
}

const decoded = (key: string): string => {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

const headersIn = (text: string | undefined): readonly string[] =>
  listIn(text).map((name) => name.toLowerCase())

const listIn = (text: string | undefined): readonly string[] => {
  if (text === undefined) return []
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) ? list.filter((each) => typeof each === 'string') : []
  } catch {
    return []
  }
}
