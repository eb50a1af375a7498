import type { KeptnMetricsProvider } from '../api/index.ts'

/**
 * What a person has to change where a provider takes any certificate and no administrator allows that; `undefined`: it may be
 * asked. Pure.
 */
export const tlsRefusal = (
  { metadata, spec }: KeptnMetricsProvider,
  allowsInsecureTls = false,
): string | undefined =>
  !spec.insecureSkipTlsVerify || allowsInsecureTls
    ? undefined
    : `Remove spec.insecureSkipTlsVerify of KeptnMetricsProvider "${metadata.name}", or have an administrator set ALLOW_INSECURE_TLS of metrics-operator to "true": with it anybody on the way may answer for the source, and read its Secret`
