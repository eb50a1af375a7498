/**
 * How the values of an analysis stand in its status: among the stored values, or in the rows of a backtest. Pure.
 *
 * @module
 */
import type {
  Analysis,
  AnalysisDefinition,
  Cell,
  StatusOf,
  StoredValue,
  Verdict,
  WindowRow,
} from '../../api/index.ts'
import { verdicts } from '../../api/index.ts'
import { grade, type Found, type Grades } from './grade.ts'
import { nameOf, referencesOf, storageKeys, type Need, type State } from './needs.ts'

type Status = StatusOf<Analysis>

/** Why there is no value, and how often it was asked for. */
const trouble = (state: State): { readonly message?: string; readonly tries: object } => {
  if (state.kind === 'blocked') return { message: state.message, tries: {} }
  if (state.kind !== 'waiting' && state.kind !== 'lost') return { tries: {} }
  const { attempts, lastAttemptTime, message } = state
  return { message, tries: { attempts, lastAttemptTime } }
}

/** What is known of each value, and what was tried in vain; nothing of those that nobody was asked for yet. */
export const storedValuesOf = (
  definition: AnalysisDefinition,
  needs: readonly Need[],
): NonNullable<Status['storedValues']> => {
  const keys = storageKeys(referencesOf(definition))
  const entries = needs.flatMap(({ reference, name, query, state }): [string, StoredValue][] => {
    if (state.kind === 'due') return []
    const { message, tries } = trouble(state)
    const stored: StoredValue = {
      objectiveReference: reference,
      query,
      value: state.kind === 'known' ? state.value : '',
      ...(message === undefined ? {} : { errMsg: message }),
      ...tries,
    }
    return [[keys.get(name) ?? name, stored]]
  })
  return Object.fromEntries(entries)
}

/** What was found for each objective of the definition, in their order. */
export const foundFor = (
  { spec }: AnalysisDefinition,
  needs: readonly Need[],
): readonly Found[] => {
  const byName = new Map(needs.map((need) => [need.name, need]))
  return (spec.objectives ?? []).map(({ analysisValueTemplateRef: reference }) => {
    const { query = '', state } = byName.get(nameOf(reference)) ?? {}
    return { query, value: state?.kind === 'known' ? state.value : undefined }
  })
}

/** Whether nothing will be asked any more. */
export const isOver = ({ state }: Need): boolean => state.kind === 'known' || state.kind === 'lost'

/** The row of a window; it has a verdict once nothing is asked any more, or `isEnding`. */
export const rowOf = (
  { spec }: Analysis,
  definition: AnalysisDefinition,
  { at, needs, isEnding }: { at: number; needs: readonly Need[]; isEnding: boolean },
): WindowRow => {
  const { name, from = '', to = '' } = spec.windows?.[at] ?? {}
  const byName = new Map(needs.map((need) => [need.name, need]))
  const grades = grade(definition, foundFor(definition, needs))
  const objectives = grades.objectives.map((graded) => {
    const need = byName.get(nameOf(graded.objective.analysisValueTemplateRef))
    return cellOf(graded, need, isEnding)
  })
  const window = { ...(name === undefined ? {} : { name }), from, to }
  const isDone = isEnding || needs.every(isOver)
  return { ...window, ...(isDone ? judged(grades) : {}), objectives }
}

const judged = ({ verdict, percentage }: Grades): Pick<WindowRow, 'verdict' | 'score'> =>
  // Of a part of the objectives there is no score.
  verdict === 'unknown' ? { verdict } : { verdict, score: Number(percentage.toFixed(2)) }

const cellOf = (
  { objective, verdict, value, score }: Grades['objectives'][number],
  need: Need | undefined,
  isEnding: boolean,
): Cell => {
  const name = nameOf(objective.analysisValueTemplateRef)
  if (need === undefined) return { name, verdict }
  const { state, question } = need
  const { message, tries } = trouble(state)
  const isDone = isEnding || isOver(need)
  return {
    name,
    ...(isDone ? { verdict } : {}),
    ...(value === undefined ? {} : { value, score }),
    ...(message === undefined ? {} : { message }),
    ...(isEnding || question === '' ? {} : { question, ...tries }),
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
