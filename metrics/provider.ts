import type { KeptnMetricsProvider } from '../api/index.ts'
import { findSource, sourceTypes } from './sources/index.ts'

/** What to change in a provider that nobody knows how to ask, for people; `undefined`: it can be asked. Pure. */
export const typeProblem = ({
  metadata: { name },
  spec: { type = '' },
}: KeptnMetricsProvider): string | undefined =>
  findSource(type) === undefined
    ? `Set spec.type of KeptnMetricsProvider "${name}" to one of ${sourceTypes.join(', ')}: it is "${type}"`
    : undefined
