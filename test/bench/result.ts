/**
 * What a benchmark has found, and how it is shown.
 *
 * @module
 */
import type { Ratio } from './statistics.ts'

/** One figure of a benchmark. */
export interface Figure {
  readonly metric: string
  readonly value: number
  readonly unit: 'ms' | 's' | 'MB' | '/s' | 'times' | '%' | 'calls' | 'pods'
  /** What the value must not exceed. Without one, and without `least`, the figure is there to be looked at. */
  readonly limit?: number
  /** What the value must reach. */
  readonly least?: number
  /** The same of the peer that was measured in turns with it. */
  readonly peer?: number
  readonly ratio?: Ratio
}

/** A row of a second table: what the figures are made of. */
export interface Detail {
  readonly what: string
  readonly values: Readonly<Record<string, number | string>>
}

/** All that one benchmark has found. */
export interface Result {
  readonly name: string
  readonly figures: readonly Figure[]
  /** Sentences for people: what to compare with, what to know. */
  readonly notes?: readonly string[]
  readonly details?: readonly Detail[]
  /** Every measurement, so that others can count again. */
  readonly samples?: Readonly<Record<string, readonly number[]>>
}

/** Whether the figure is within its limits; `undefined`: it has none. */
export const isMet = ({ value, limit, least }: Figure): boolean | undefined =>
  limit === undefined && least === undefined
    ? undefined
    : value <= (limit ?? Infinity) && value >= (least ?? -Infinity)

/** Units that stand right behind their figure. */
const closeUnits: Readonly<Partial<Record<Figure['unit'], string>>> = {
  times: '×',
  '/s': '/s',
  '%': '%',
}

const shown = (value: number | undefined, unit: Figure['unit']): string => {
  if (value === undefined) return ''
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0
  return `${value.toFixed(digits)}${closeUnits[unit] ?? ` ${unit}`}`
}

const shownRatio = (ratio: Ratio | undefined): string =>
  ratio === undefined
    ? ''
    : `${ratio.value.toFixed(2)}× [${ratio.low.toFixed(2)}, ${ratio.high.toFixed(2)}]`

const shownLimit = ({ limit, least, unit }: Figure): string =>
  [
    ...(least === undefined ? [] : [`≥ ${shown(least, unit)}`]),
    ...(limit === undefined ? [] : [`≤ ${shown(limit, unit)}`]),
  ].join(', ')

const verdict = (figure: Figure): string => {
  const met = isMet(figure)
  return met === undefined ? '' : met ? 'met' : 'MISSED'
}

/** Lines up cells: the first two columns to the left, figures to the right. */
export const tableOf = (rows: readonly (readonly string[])[], left = 2): string => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column < left ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}

/** The table of all figures. */
export const figuresTable = (results: readonly Result[]): string =>
  tableOf([
    ['benchmark', 'metric', 'value', 'limit', '', 'peer', 'ratio [95 %]'],
    ...results.flatMap(({ name, figures }) =>
      figures.map((figure) => [
        name,
        figure.metric,
        shown(figure.value, figure.unit),
        shownLimit(figure),
        verdict(figure),
        shown(figure.peer, figure.unit),
        shownRatio(figure.ratio),
      ]),
    ),
  ])

/** The table of a benchmark's details. */
export const detailsTable = (details: readonly Detail[]): string => {
  const columns = [...new Set(details.flatMap(({ values }) => Object.keys(values)))]
  return tableOf(
    [
      ['', ...columns],
      ...details.map(({ what, values }) => [
        what,
        ...columns.map((column) => {
          const value = values[column]
          return typeof value === 'number' ? value.toFixed(1) : (value ?? '')
        }),
      ]),
    ],
    1,
  )
}
