/**
 * The rows of a backtest in its status: one for each window, with a cell for each objective. Pure.
 *
 * @module
 */
import {
  verdicts,
  type Analysis,
  type AnalysisDefinition,
  type Cell,
  type Verdict,
  type WindowRow,
} from '../../api/index.ts'
import { grade, shownPercentage, type Grades } from './grade.ts'
import { foundFor, isOver, troubleOf, type Need } from './need.ts'
import { nameOf } from './reference.ts'

/** The rows, in the order of the windows; all have a verdict when the analysis `isEnding`. */
export const rowsOf = (
  analysis: Analysis,
  definition: AnalysisDefinition,
  needs: readonly Need[],
  isEnding: boolean,
): readonly WindowRow[] =>
  (analysis.spec.windows ?? []).map(({ name, from, to }, at) => ({
    ...(name === undefined ? {} : { name }),
    from,
    to,
    ...outcomeOf(
      definition,
      needs.filter(({ span }) => span === at),
      isEnding,
    ),
  }))

/** What is known of a window; it has a verdict once nothing is asked any more, or `isEnding`. */
const outcomeOf = (
  definition: AnalysisDefinition,
  needs: readonly Need[],
  isEnding: boolean,
): Omit<WindowRow, 'name' | 'from' | 'to'> => {
  const byName = new Map(needs.map((need) => [need.name, need]))
  const grades = grade(definition, foundFor(definition, needs))
  const objectives = grades.objectives.map((graded) => {
    const need = byName.get(nameOf(graded.objective.analysisValueTemplateRef))
    return cellOf(graded, need, isEnding)
  })
  const isDone = isEnding || needs.every(isOver)
  return { ...(isDone ? judged(grades) : {}), objectives }
}

const judged = (grades: Grades): Pick<WindowRow, 'verdict' | 'score'> => {
  const { verdict } = grades
  // Of a part of the objectives there is no score.
  return verdict === 'unknown' ? { verdict } : { verdict, score: shownPercentage(grades) }
}

const cellOf = (
  { objective, verdict, value, score }: Grades['objectives'][number],
  need: Need | undefined,
  isEnding: boolean,
): Cell => {
  const name = nameOf(objective.analysisValueTemplateRef)
  if (need === undefined) return { name, verdict }
  const { message, tries } = troubleOf(need.state)
  const isDone = isEnding || isOver(need)
  return {
    name,
    ...(isDone ? { verdict } : {}),
    ...(value === undefined ? {} : { value, score }),
    ...(message === undefined ? {} : { message }),
    ...(isEnding || need.question === '' ? {} : { question: need.question, ...tries }),
  }
}

/** How many windows came to what, in a line. */
export const summaryOf = (rows: readonly WindowRow[]): string => {
  const count = (verdict: Verdict | undefined): number =>
    rows.filter((row) => row.verdict === verdict).length
  const open = count(undefined)
  return [
    ...verdicts.filter((verdict) => count(verdict) > 0).map((one) => `${count(one)} ${one}`),
    ...(open > 0 ? [`${open} under way`] : []),
  ].join(', ')
}
