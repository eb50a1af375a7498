/**
 * What keeps an analysis from asking until a person changes something, with what to change. Pure.
 *
 * @module
 */
import {
  mostWeight,
  type Analysis,
  type AnalysisDefinition,
  type AnalysisValueTemplate,
  type KeptnMetricsProvider,
  type TemplateReference,
} from '../../api/index.ts'
import { firstOf } from '../../kube/conditions.ts'
import { readCriterion } from './grade.ts'
import { nameOf, namespaceOf } from './reference.ts'

/** Nothing can be asked until a person changes something. */
export interface Blocked {
  readonly kind: 'blocked'
  readonly reason:
    | 'ArgumentMissing'
    | 'DefinitionInvalid'
    | 'DefinitionNotFound'
    | 'InsecureTlsNotAllowed'
    | 'ProviderNotFound'
    | 'ProviderNotGranted'
    | 'ProviderUnsupported'
    | 'TemplateNotFound'
    | 'TemplateUnreadable'
    | 'TooLarge'
  /** What to change, for people: a sentence without its full stop. */
  readonly message: string
}

/** Something that a person has to change. */
export const blocked = (reason: Blocked['reason'], message: string): Blocked => ({
  kind: 'blocked',
  reason,
  message,
})

/** The definition that an analysis names does not exist. */
export const definitionMissing = ({ metadata, spec: { analysisDefinition } }: Analysis): Blocked =>
  blocked(
    'DefinitionNotFound',
    `Create the AnalysisDefinition "${analysisDefinition.name}" in namespace "${namespaceOf(analysisDefinition, metadata.namespace ?? '')}", or name another one in spec.analysisDefinition`,
  )

/** What admission refuses in a definition, but an older API server may have stored; `undefined` when nothing is. */
export const definitionProblem = ({ metadata, spec }: AnalysisDefinition): Blocked | undefined => {
  const problem = (reference: TemplateReference, field: string, wanted: string): Blocked =>
    blocked(
      'DefinitionInvalid',
      `Set ${field} of objective "${nameOf(reference)}" in AnalysisDefinition "${metadata.name}" to ${wanted}`,
    )
  for (const { analysisValueTemplateRef: reference, target = {}, weight } of spec.objectives ??
    []) {
    // Keptn stored weights below zero, with which a failure would earn more than a pass.
    if (weight < 0 || weight > mostWeight) {
      return problem(reference, 'weight', `a number from 0 to ${mostWeight}`)
    }
    for (const part of ['failure', 'warning'] as const) {
      const criterion = target[part]
      if (criterion === undefined || readCriterion(criterion) !== undefined) continue
      return problem(
        reference,
        `target.${part}`,
        'one operator with numbers, a lower bound below a higher one',
      )
    }
  }
  return undefined
}

/** A template that an objective names does not exist. */
export const templateMissing = (
  { metadata }: AnalysisDefinition,
  reference: TemplateReference,
): Blocked =>
  blocked(
    'TemplateNotFound',
    `Create the AnalysisValueTemplate "${reference.name}" in namespace "${namespaceOf(reference, metadata.namespace ?? '')}", or name another one in the objectives of AnalysisDefinition "${metadata.name}"`,
  )

/** The query of a template has places for arguments that the analysis does not have. */
export const argumentsMissing = (
  { metadata }: AnalysisValueTemplate,
  names: readonly string[],
  isBacktest: boolean,
): Blocked => {
  const quoted = names.map((name) => `"${name}"`)
  return blocked(
    'ArgumentMissing',
    `Set ${firstOf(quoted, ', ')} in spec.args${isBacktest ? ', or in the args of each window' : ''}: the query of AnalysisValueTemplate "${metadata.name}" has a place for it`,
  )
}

/** The query of a template has a place that is no argument. */
export const templateUnreadable = ({ metadata }: AnalysisValueTemplate, place: string): Blocked =>
  blocked(
    'TemplateUnreadable',
    `Change the query of AnalysisValueTemplate "${metadata.name}": "${place}" is neither {{.name}} nor {{index . "name"}}, and no more of Go's templates is read`,
  )

/** The provider that a template names does not exist. */
export const providerMissing = (
  { metadata, spec: { provider } }: AnalysisValueTemplate,
  home: string | undefined,
): Blocked =>
  blocked(
    'ProviderNotFound',
    `Create the KeptnMetricsProvider "${provider.name}" in namespace "${namespaceOf(provider, home ?? '')}", or name another one in AnalysisValueTemplate "${metadata.name}"`,
  )

/** The provider does not let templates of this namespace ask with its Secret. */
export const providerNotGranted = (
  { metadata: { name, namespace = '' } }: AnalysisValueTemplate,
  { metadata: provider }: KeptnMetricsProvider,
): Blocked =>
  blocked(
    'ProviderNotGranted',
    `Add "${namespace}" to spec.grantedNamespaces of KeptnMetricsProvider "${provider.name}" in namespace "${provider.namespace ?? ''}", or name another one in AnalysisValueTemplate "${name}"`,
  )
