/**
 * What is known of the numbers of an analysis, as it stands in its status: among the stored values, or in the rows of a
 * backtest. It is written so, and read again in the next pass: nothing else is remembered. Pure.
 *
 * @module
 */
import type {
  Analysis,
  AnalysisDefinition,
  Cell,
  StatusOf,
  StoredValue,
  TemplateReference,
} from '../../api/index.ts'
import { troubleOf, type Need, type Stored } from './need.ts'
import { parseDecimal } from '../quantity.ts'
import { nameOf, referencesOf } from './reference.ts'
import { rowsOf, summaryOf } from './rows.ts'
import { isBacktest } from './span.ts'

type Status = StatusOf<Analysis>

/** What is known, in the places that it has in the status. */
export const knownOf = (
  analysis: Analysis,
  definition: AnalysisDefinition,
  needs: readonly Need[],
  isEnding = false,
): Pick<Status, 'storedValues' | 'windows' | 'windowSummary'> => {
  if (!isBacktest(analysis)) return { storedValues: storedValuesOf(definition, needs, isEnding) }
  const windows = rowsOf(analysis, definition, needs, isEnding)
  return { windows, windowSummary: summaryOf(windows) }
}

/** What is known of each value, and what was tried in vain; nothing of those that nobody was asked for yet. */
const storedValuesOf = (
  definition: AnalysisDefinition,
  needs: readonly Need[],
  isEnding: boolean,
): NonNullable<Status['storedValues']> => {
  const keys = storageKeys(referencesOf(definition))
  const entries = needs.flatMap((need): [string, StoredValue][] => {
    const { reference, name, query, question, state } = need
    if (state.kind === 'due') return []
    const { message, tries } = troubleOf(state)
    const stored: StoredValue = {
      objectiveReference: reference,
      query,
      value: state.kind === 'known' ? state.value : '',
      ...(message === undefined ? {} : { errMsg: message }),
      ...(isEnding || question === '' ? {} : { question }),
      ...tries,
    }
    return [[keys.get(name) ?? name, stored]]
  })
  return Object.fromEntries(entries)
}

/** Under which key each value is stored, by the name of its template: Keptn's, unless two templates would share it. */
const storageKeys = (references: readonly TemplateReference[]): ReadonlyMap<string, string> => {
  const uses = new Map<string, number>()
  for (const key of references.map(keptnKey)) uses.set(key, (uses.get(key) ?? 0) + 1)
  return new Map(
    references.map((reference) => {
      const [name, key] = [nameOf(reference), keptnKey(reference)]
      return [name, (uses.get(key) ?? 0) > 1 ? name : key]
    }),
  )
}

const keptnKey = ({ name, namespace = '' }: TemplateReference): string =>
  namespace === '' ? name : `${name}-${namespace}`

/** A number, with what is asked for it now. */
export type Asked = Pick<Need, 'name' | 'span' | 'query' | 'question'>

/** Finds what the status says of a number, as far as it answers what is asked now. */
export const storedOf = (
  analysis: Analysis,
  definition: AnalysisDefinition,
): ((asked: Asked) => Stored) => {
  const { windows = [], storedValues = {} } = analysis.status ?? {}
  if (isBacktest(analysis)) {
    const rows = windows.map(
      ({ objectives }) => new Map(objectives.map((cell) => [cell.name, cell])),
    )
    return (asked) => fromCell(rows[asked.span]?.get(asked.name), asked)
  }
  const keys = storageKeys(referencesOf(definition))
  return (asked) => fromStoredValue(storedValues[keys.get(asked.name) ?? ''], asked)
}

const fromCell = (cell: Cell | undefined, { question }: Asked): Stored => {
  if (cell?.question !== question) return {}
  const { value, verdict, message } = cell
  return { value, isFinal: verdict === 'unknown', ...triedOf(cell, message) }
}

const fromStoredValue = (stored: StoredValue | undefined, asked: Asked): Stored => {
  if (stored === undefined || !isAnswerTo(stored, asked)) return {}
  const { value, errMsg = '' } = stored
  // Keptn stored texts that are no numbers. What no double holds can't be written into `raw`.
  const isNumber = parseDecimal(value) !== undefined && Number.isFinite(Number(value))
  return { ...(errMsg === '' && isNumber ? { value } : {}), ...triedOf(stored, errMsg) }
}

const isAnswerTo = (stored: StoredValue, { name, query, question }: Asked): boolean => {
  if (nameOf(stored.objectiveReference) !== name) return false
  // Keptn stored the words of the query, and nothing of whom it has asked.
  return stored.question === undefined ? stored.query === query : stored.question === question
}

const triedOf = (
  from: { readonly attempts?: number; readonly lastAttemptTime?: string },
  message = '',
): Pick<Stored, 'tried'> => {
  const { attempts, lastAttemptTime } = from
  if (attempts === undefined || lastAttemptTime === undefined) return {}
  return { tried: { attempts, lastAttemptTime, message } }
}
