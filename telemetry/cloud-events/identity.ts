/**
 * What events of all formats are known by.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { ObjectReference } from '../../kube/decision.ts'

/** Who tells them. */
export const source = 'keptn.sh'

/** The same for the same fact, however often it is told: a receiver knows a repeat by it. */
export const idOf = (fact: string): string =>
  createHash('sha256').update(fact).digest('hex').slice(0, 32)

/** Names an object within a cluster. */
export const subjectOf = ({ kind, namespace = '', name }: ObjectReference): string =>
  [kind, namespace, name].filter((part) => part !== '').join('/')
