/**
 * The certificate that a server of ours serves: read from a mounted Secret, and swapped in place when that changes.
 * A pair that can't be used is not taken; what was served before goes on being served. So it does while clients believe it
 * and don't believe the new one yet: certificate and authorities reach them and us by different ways, in no order.
 *
 * @module
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { certificatesIn, isValidAt } from './certificate-chain.ts'

/** A certificate and its key, both PEM, ready for `setSecureContext`. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** What is being served. */
export interface ServedCertificate {
  /** Whether a certificate is loaded and valid at this time. */
  readonly isValid: (now: Date) => boolean
  /** Whether clients believe the certificate that is served. */
  readonly isBelieved: () => boolean
  /** To be called when clients may believe something else: serves now what they believe. */
  readonly reconsider: () => void
  /** Looks at the files now. Resolves when that is done, whatever was found. */
  readonly refresh: () => Promise<void>
}

/** How a certificate is served. */
export interface CertificateOptions {
  readonly folder: string
  /** What a person may do who has no certificate and wants none: the end of a sentence. */
  readonly orElse?: string
  readonly use: (pair: KeyPair) => void
  /** Whether clients believe a server's chain now. Not given: they are not asked about. */
  readonly isBelieved?: (chain: readonly X509Certificate[]) => boolean
  readonly log: Logger
  readonly signal: AbortSignal
}

const refreshMs = 10_000
/** Nobody is served while there is none. */
const refreshUnservedMs = 1_000

interface Loaded {
  readonly pair: KeyPair
  readonly chain: readonly X509Certificate[]
}

/** Serves the pair in a folder (`tls.crt`, `tls.key`), and each one that follows it, until the signal is aborted. */
export const serveCertificate = (options: CertificateOptions): ServedCertificate => {
  const { folder, use, isBelieved = () => true, log, signal } = options
  let newest: Loaded | undefined
  let served: Loaded | undefined
  let seen = ''
  let complaint = ''
  let wasBelieved = true

  const load = async (): Promise<void> => {
    const [cert, key] = await Promise.all(
      ['tls.crt', 'tls.key'].map((name) => readFile(join(folder, name), 'utf8')),
    )
    if (cert === undefined || key === undefined || cert + key === seen) return
    const certificate = new X509Certificate(cert)
    const privateKey = readPrivateKey(key)
    // The two files may be read around the instant in which both are replaced.
    if (!certificate.checkPrivateKey(privateKey))
      throw new Error('tls.key is not the key of tls.crt')
    const usable = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    newest = { pair: { cert, key: usable }, chain: certificatesIn(cert) }
    seen = cert + key
    complaint = ''
    log.info({ validTo: certificate.validToDate }, 'Certificate loaded')
  }

  const choose = (): void => {
    if (newest === undefined || newest === served) return
    if (served !== undefined && isBelieved(served.chain) && !isBelieved(newest.chain)) return
    use(newest.pair)
    served = newest
  }

  const tellBelief = (): void => {
    const isNow = served === undefined || isBelieved(served.chain)
    if (isNow === wasBelieved) return
    wasBelieved = isNow
    if (isNow) log.info('Certificate is believed again')
    else log.warn('Certificate is not believed by those who are to call us')
  }

  const complainOf = (error: unknown): void => {
    const told = explain(error, options)
    if (told.reason !== complaint) log.warn(told, 'Certificate could not be loaded')
    complaint = told.reason
  }
  const reconsider = (): void => {
    try {
      choose()
      tellBelief()
    } catch (error) {
      complainOf(error)
    }
  }
  const refresh = async (): Promise<void> => {
    await load().catch(complainOf)
    reconsider()
  }

  // A folder that isn't there yet, and file systems that tell nothing, are left to the timer.
  const onChange = (): void => void refresh()
  try {
    watch(folder, { signal, persistent: false }, onChange).on('error', () => undefined)
  } catch {
    log.debug({ folder }, 'Folder of the certificate cannot be watched')
  }
  let timer: NodeJS.Timeout | undefined
  const lookAgain = (): void => {
    if (signal.aborted) return
    const ms = served === undefined ? refreshUnservedMs : refreshMs
    timer = setTimeout(() => void refresh().then(lookAgain), ms).unref()
  }
  lookAgain()
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true })

  return {
    refresh,
    reconsider,
    isValid: (now) => served?.chain[0] !== undefined && isValidAt(served.chain[0], now),
    isBelieved: () => served !== undefined && isBelieved(served.chain),
  }
}

/** Why there is no certificate, and what to do: a missing one is no mistake of ours, and where it was missed tells nobody anything. */
const explain = (
  error: unknown,
  { folder, orElse }: Pick<CertificateOptions, 'folder' | 'orElse'>,
): { readonly reason: string } => {
  const { code, message } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT')
    return { reason: `Cannot use tls.crt and tls.key in "${folder}": ${message}` }
  const todo = `Put tls.crt and tls.key into "${folder}", or name their folder in CERTIFICATE_FOLDER`
  return { reason: orElse === undefined ? todo : `${todo}, or ${orElse}` }
}

/** Reads a key, also one from Keptn's certificate operator: those say PKCS#8 and hold SEC1, which OpenSSL refuses. */
export const readPrivateKey = (pem: string): KeyObject => {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    if (!pem.includes('-----BEGIN PRIVATE KEY-----')) throw error
    return createPrivateKey(pem.replaceAll(' PRIVATE KEY-----', ' EC PRIVATE KEY-----'))
  }
}
