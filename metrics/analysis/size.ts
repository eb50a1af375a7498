/**
 * Whether what an analysis comes to fits into its object, which is asked before anything else: a status that can't be stored
 * would be worked out, and refused, again and again. Pure.
 *
 * @module
 */
import type { Analysis, AnalysisDefinition } from '../../api/index.ts'
import { blocked, type Blocked } from './blocked.ts'
import type { Need } from './need.ts'
import { jsonOf } from './raw.ts'
import { nameOf } from './reference.ts'
import { isBacktest } from './span.ts'

/** An API server stores 1.5 MiB; what it adds, such as who has written which field, has the rest. */
const mostBytes = 1_200_000
/** What a value takes besides its query: names, criteria, a result or why there is none. */
const bytesPerValue = 1000
/** What the rows of a backtest have place for. */
const mostValues = 1000

/** What is too large, and what to do about it; `undefined` when all of it fits. */
export const sizeProblem = (
  analysis: Analysis,
  definition: AnalysisDefinition,
  needs: readonly Need[],
): Blocked | undefined => {
  if (needs.length > mostValues) {
    return blocked(
      'TooLarge',
      `Use fewer windows, or fewer objectives: there are ${needs.length} values to ask for, and ${mostValues} fit into a status`,
    )
  }
  const { metadata, spec } = analysis
  const own = bytesOf(JSON.stringify({ metadata, spec }))
  const bytes = own + (isBacktest(analysis) ? 0 : bytesOfValues(definition, needs))
  if (bytes <= mostBytes) return undefined
  return blocked(
    'TooLarge',
    `Use shorter queries and arguments, or fewer objectives: with its results the analysis would have ${bytes} bytes, and ${mostBytes} fit into an object`,
  )
}

/** The values with their queries: each once among the stored values, and once per objective in `raw`, a text in a text. */
const bytesOfValues = ({ spec }: AnalysisDefinition, needs: readonly Need[]): number => {
  const inRaw = new Map(
    needs.map(({ name, query }) => [name, bytesOf(JSON.stringify(jsonOf(query)))]),
  )
  const stored = sum(needs.map(({ query }) => bytesPerValue + bytesOf(JSON.stringify(query))))
  const told = (spec.objectives ?? []).map(
    ({ analysisValueTemplateRef }) =>
      bytesPerValue + (inRaw.get(nameOf(analysisValueTemplateRef)) ?? 0),
  )
  return stored + sum(told)
}

const bytesOf = (text: string): number => Buffer.byteLength(text)
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
