/**
 * What the API server wrote down of the calls it answered: what happened, whatever anybody remembers of it.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { KubeObject } from '../../api/object.ts'

/** A write that the API server carried out. */
export interface AuditedWrite {
  readonly verb: 'create' | 'update' | 'patch' | 'delete'
  /** Plural, with the subresource: `pods`, `jobs/status`. */
  readonly resource: string
  readonly namespace: string
  readonly name: string
  readonly user: string
  /** The object as it was answered; missing where the policy records no more than the call. */
  readonly object: KubeObject | undefined
}

interface AuditEvent {
  readonly stage: string
  readonly verb: string
  readonly user?: { readonly username?: string }
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code?: number }
  readonly responseObject?: unknown
}

const writeVerbs: readonly string[] = ['create', 'update', 'patch', 'delete']

const toWrite = ({ verb, user, objectRef, responseObject }: AuditEvent): AuditedWrite => {
  const { resource = '', subresource, namespace = '', name = '' } = objectRef ?? {}
  return {
    verb: verb as AuditedWrite['verb'],
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
    user: user?.username ?? '',
    object: responseObject as KubeObject | undefined,
  }
}

const isDone = ({ stage, verb, responseStatus }: AuditEvent): boolean =>
  stage === 'ResponseComplete' && writeVerbs.includes(verb) && (responseStatus?.code ?? 500) < 300

/** The writes of an audit log that were carried out, as far as they match. */
export const readAudit = (
  file: string,
  matches: (write: AuditedWrite) => boolean,
): readonly AuditedWrite[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    // The last line may still be on its way.
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(isDone)
    .map(toWrite)
    .filter(matches)
