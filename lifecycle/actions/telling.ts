/**
 * What is told of what people asked of a version.
 *
 * @module
 */
import type { ActionRecord } from '../../api/index.ts'
import type { Transition } from '../../kube/decision.ts'
import { factTransition, type Telling } from '../transitions.ts'

/** Tells what has become of an entry. */
export const actionFact = (
  telling: Telling,
  { id, type, outcome, message }: ActionRecord,
): Transition =>
  outcome === 'CarriedOut'
    ? factTransition(telling, {
        reason: 'ActionCarriedOut',
        what: id,
        message,
        attributes: { action: type },
      })
    : factTransition(telling, {
        reason: 'ActionRefused',
        what: id,
        message: `Action "${id}" (${type}) was refused: ${message}`,
        severity: 'Warning',
        attributes: { action: type },
      })
