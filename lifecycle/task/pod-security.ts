/**
 * What Pod Security "restricted" asks of a container, and what of it a user's container lacks.
 *
 * @module
 */
import type { Container, Namespace } from '../../api/kubernetes.ts'

/** The label by which a namespace refuses pods that are less secure than it says. */
export const enforceLabel = 'pod-security.kubernetes.io/enforce'

/**
 * Whether the namespace refuses pods that do not say what "restricted" asks for. "baseline" only forbids: nothing has to be
 * added for it.
 */
export const isRestricted = (namespace: Namespace | undefined): boolean =>
  namespace?.metadata.labels?.[enforceLabel] === 'restricted'

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
export const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
} as const

type Settings = Readonly<Record<string, unknown>>

/**
 * Adds what "restricted" asks for and a container does not mention. What it does say stays, allowed or not: the API server
 * tells who wrote it.
 */
export const withRestricted = (container: Container): Container => {
  const own = given(container.securityContext)
  const capabilities = given(own['capabilities'] as Settings | undefined)
  const dropped = (capabilities['drop'] ?? []) as readonly string[]
  const drop = dropped.includes('ALL') ? dropped : [...dropped, 'ALL']
  return {
    ...container,
    securityContext: { ...restricted, ...own, capabilities: { ...capabilities, drop } },
  }
}

/** A member that is `null` is one that is not there. */
const given = (settings: Settings | undefined): Settings =>
  Object.fromEntries(Object.entries(settings ?? {}).filter(([, value]) => value !== null))
