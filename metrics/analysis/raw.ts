/**
 * The text of `status.raw`, byte for byte as Keptn wrote it: scripts and tests compare the whole of it. Pure.
 *
 * @module
 */
import type { Operator, TemplateReference } from '../../api/index.ts'
import { readCriterion, type Criterion, type Grade, type Grades, type Look } from './grade.ts'

/** The grades as JSON; what has no value has 0 in its place and an `error`, and never passes. */
export const rawOf = (grades: Grades): string =>
  jsonOf({
    objectiveResults: grades.objectives.map(resultOf),
    totalScore: grades.totalScore,
    maximumScore: grades.maximumScore,
    pass: grades.verdict === 'pass',
    warning: grades.verdict === 'warning',
  })

const resultOf = ({ objective, failure, warning, verdict, query, value, score }: Grade) => {
  const { analysisValueTemplateRef, target = {}, weight, keyObjective } = objective
  return {
    result: {
      failResult: lookOf(failure),
      warnResult: lookOf(warning),
      warning: verdict === 'warning',
      pass: verdict === 'pass',
    },
    objective: {
      analysisValueTemplateRef: referenceOf(analysisValueTemplateRef),
      target: {
        ...(target.failure && { failure: written(target.failure) }),
        ...(target.warning && { warning: written(target.warning) }),
      },
      ...(weight === 0 ? {} : { weight }),
      ...(keyObjective ? { keyObjective } : {}),
    },
    value: value === undefined ? 0 : Number(value),
    query,
    score,
    ...(verdict === 'unknown' ? { error: {} } : {}),
  }
}

const referenceOf = ({ name, namespace = '' }: TemplateReference) =>
  namespace === '' ? { name } : { name, namespace }

const lookOf = (look: Look | undefined) => ({
  operator: look === undefined ? {} : shown(look.criterion),
  fulfilled: look?.isMet ?? false,
})

const written = (operator: Operator) => {
  const criterion = readCriterion(operator)
  return criterion === undefined ? {} : shown(criterion)
}

const shown = ({ operator, operands }: Criterion) => ({
  [operator]: Object.fromEntries(Object.entries(operands).map(([name, { text }]) => [name, text])),
})

/** As Go writes JSON: what HTML could take for its own is escaped. None of these stands outside of a text. */
export const jsonOf = (value: object | string): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
