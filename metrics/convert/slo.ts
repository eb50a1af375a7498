/**
 * Converts the SLO file of Keptn v1 into an AnalysisDefinition. Pure.
 *
 * Criteria that compare with earlier values (those with a `%`) have no counterpart and are left out, as Keptn does it. What
 * then counts for less than before is told in a note.
 *
 * @module
 */
import { mostObjectives, mostWeight } from '../../api/index.ts'
import {
  checkedName,
  ConversionError,
  fieldsOf,
  listOf,
  metadataOf,
  objectName,
  readFields,
  textOf,
  writeObject,
  type Converted,
  type Fields,
} from './conversion.ts'
import { targetOf, type Entry, type Target } from './target.ts'

/** The AnalysisDefinition to make, and where the templates of its objectives are. */
export interface SloOptions {
  readonly definitionName: string
  readonly templateNamespace: string
}

/** Makes an AnalysisDefinition with the objectives in the order of the file. Throws a {@link ConversionError}. */
export const convertSlo = (text: string, options: SloOptions): Converted => {
  const name = checkedName('--analysis-definition-name', options.definitionName)
  const namespace = checkedName('--analysis-value-template-namespace', options.templateNamespace)
  const slo = readFields(text)
  const objectives = listOf('"objectives"', slo['objectives']).map((objective, index) =>
    convertObjective(`objectives[${index}]`, objective, namespace),
  )
  if (objectives.length === 0) throw new ConversionError('"objectives" is empty')
  if (objectives.length > mostObjectives) {
    throw new ConversionError(
      `Split the objectives into several files: an AnalysisDefinition has ${mostObjectives} at most, and these are ${objectives.length}`,
    )
  }
  return {
    yaml: writeObject({
      apiVersion: 'metrics.keptn.sh/v1',
      kind: 'AnalysisDefinition',
      metadata: metadataOf(name),
      spec: {
        objectives: objectives.map(({ objective }) => objective),
        totalScore: totalScoreOf(slo['total_score']),
      },
    }),
    notes: objectives.flatMap(({ notes }) => notes),
  }
}

interface ConvertedObjective {
  readonly objective: object
  readonly notes: readonly string[]
}

const convertObjective = (
  position: string,
  value: unknown,
  namespace: string,
): ConvertedObjective => {
  const fields = fieldsOf(position, value)
  const sli = textOf(`${position}.sli`, fields['sli'])
  const place = `${position} ("${sli}")`
  const pass = entriesOf(`${place}.pass`, fields['pass'])
  const warning = entriesOf(`${place}.warning`, fields['warning'])
  const target = at(place, () => targetOf(pass.entries, warning.entries))
  const weight = weightOf(place, fields['weight'])
  return {
    objective: {
      analysisValueTemplateRef: { name: at(place, () => objectName(sli)), namespace },
      target,
      ...(weight === 0 ? {} : { weight }),
      ...(isKey(place, fields) ? { keyObjective: true } : {}),
    },
    notes: [
      ...pass.notes,
      ...warning.notes,
      ...informative(place, target, pass.entries.length > 0),
      ...(target.failure === undefined ? [] : unused(place, pass.entries, warning.entries)),
    ],
  }
}

/** Says in which objective something is wrong. */
const at = <T>(place: string, convert: () => T): T => {
  try {
    return convert()
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error
    throw new ConversionError(`${place}: ${error.message}`, { cause: error })
  }
}

/** The entries with what is absolute in them, and a note where something was left out. */
const entriesOf = (
  place: string,
  value: unknown,
): { readonly entries: readonly Entry[]; readonly notes: readonly string[] } => {
  const written = listOf(place, value).map((entry, index) =>
    listOf(`${place}[${index}].criteria`, fieldsOf(`${place}[${index}]`, entry)['criteria']).map(
      (criterion, at) => textOf(`${place}[${index}].criteria[${at}]`, criterion),
    ),
  )
  const relative = written.flat().filter((criterion) => criterion.includes('%'))
  return {
    entries: written
      .map((entry) =>
        entry
          .filter((criterion) => !criterion.includes('%'))
          .map((criterion) => criterion.replaceAll(' ', '')),
      )
      .filter((entry) => entry.length > 0),
    notes:
      relative.length === 0
        ? []
        : [`${place}: left out what compares with earlier values: ${relative.join(', ')}`],
  }
}

const informative = (place: string, target: Target, hasPass: boolean): readonly string[] => {
  if (target.failure !== undefined || !hasPass) return []
  return [
    `${place}: its entries have no counterpart in an AnalysisDefinition, so that it always passes: write its target by hand`,
  ]
}

const unused = (
  place: string,
  pass: readonly Entry[],
  warning: readonly Entry[],
): readonly string[] => {
  const counted = pass.length > 1 ? 1 : 2
  const hasMore = pass.length > 2 || [...pass, ...warning].some((entry) => entry.length > counted)
  return hasMore
    ? [
        `${place}: not all of its criteria count: an AnalysisDefinition compares with two numbers at most`,
      ]
    : []
}

const weightOf = (place: string, value: unknown): number => {
  if (value === undefined || value === null) return 0
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= mostWeight) {
    return value
  }
  throw new ConversionError(`Set ${place}.weight to a whole number from 0 to ${mostWeight}`)
}

const isKey = (place: string, { key_sli: value }: Fields): boolean => {
  if (typeof value === 'boolean') return value
  if (value === undefined || value === null) return false
  throw new ConversionError(`Set ${place}.key_sli to true or false`)
}

const totalScoreOf = (value: unknown): object => {
  const fields = fieldsOf('"total_score"', value)
  const passPercentage = percentageOf('total_score.pass', fields['pass'])
  const warningPercentage = percentageOf('total_score.warning', fields['warning'])
  if (warningPercentage < passPercentage) return { passPercentage, warningPercentage }
  throw new ConversionError(
    `Set total_score.warning below total_score.pass: rounded they are ${warningPercentage}% and ${passPercentage}%`,
  )
}

const percentageOf = (place: string, value: unknown): number => {
  const text = textOf(place, value)
  const [, number] = /^\s*\+?(\d+(?:\.\d*)?|\.\d+)\s*%?\s*$/.exec(text) ?? []
  const rounded = Math.round(Number(number ?? NaN))
  if (rounded <= 100) return rounded
  throw new ConversionError(`Set ${place} to a percentage from "0%" to "100%": it is "${text}"`)
}
