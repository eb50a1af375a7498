/**
 * Turns a view into lines of text: all of it for a terminal, what has changed for a log. Pure.
 *
 * @module
 */
import type { Mark, Row, View } from './rows.ts'

const icons: Readonly<Record<Mark, string>> = {
  waiting: '◌',
  held: '‖',
  running: '●',
  passed: '✔',
  failed: '✖',
  warning: '⚠',
  skipped: '–',
}

const colours: Readonly<Record<Mark, number>> = {
  waiting: 90,
  held: 33,
  running: 36,
  passed: 32,
  failed: 31,
  warning: 33,
  skipped: 90,
}

/** What the lines are for. */
export interface Medium {
  readonly columns: number
  readonly rows: number
  readonly colour: boolean
}

const nameWidth = 44
const secondsWidth = 6

const iconOf = (mark: Mark, colour: boolean): string =>
  colour ? `\u001b[${colours[mark]}m${icons[mark]}\u001b[0m` : icons[mark]

const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`

const rowLines = (row: Row, { columns, colour }: Medium): readonly string[] => {
  const indent = '  '.repeat(row.depth)
  const width = nameWidth - indent.length
  const seconds = row.seconds === undefined ? '' : `${row.seconds} s`
  const rest = [row.name.padEnd(width), seconds.padStart(secondsWidth), ` ${row.info ?? ''}`]
  const text = cut(rest.join(' ').trimEnd(), columns - indent.length - 2)
  const below = (row.lines ?? []).map((line) => cut(`${indent}  │ ${line}`, columns))
  return [`${indent}${iconOf(row.mark, colour)} ${text}`, ...below]
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', title, ...lines]

/** The whole view. Never wider or higher than the medium: a line that wraps would spoil drawing over it. */
export const render = (view: View, medium: Medium): readonly string[] => {
  const title = cut(view.title, medium.columns)
  const lines = [
    medium.colour ? `\u001b[1m${title}\u001b[0m` : title,
    ...section(
      'Phases',
      view.phases.flatMap((row) => rowLines(row, medium)),
    ),
    ...section(
      'Pods',
      view.pods.flatMap((row) => rowLines(row, medium)),
    ),
    ...section(
      'Slack was told',
      view.messages.map((message) => cut(`  ${message}`, medium.columns)),
    ),
  ]
  return lines.slice(0, medium.rows)
}

const rowsOf = (view: View | undefined): readonly Row[] =>
  view === undefined ? [] : [...view.phases, ...view.pods]

/** What a row says, but for the passing of time and what stands below it. */
const saying = ({ mark, info = '' }: Row): string => `${mark} ${info}`

const pathOf = (row: Row, all: readonly Row[]): string => {
  const above = all.filter((other) => row.key.startsWith(`${other.key}/`)).map(({ name }) => name)
  return [...above, row.name].join(' › ')
}

const rowChanges = (row: Row, before: Row | undefined, path: string): readonly string[] => {
  const isSame = before !== undefined && saying(before) === saying(row)
  const head = `${icons[row.mark]} ${path} ${row.info ?? ''}`.trimEnd()
  const known = new Set(before?.lines)
  const added = (row.lines ?? []).filter((line) => !known.has(line))
  return [...(isSame ? [] : [head]), ...added.map((line) => `  │ ${line}`)]
}

/** A line for each thing that stands otherwise than before; what still waits is not worth one. */
export const changes = (before: View | undefined, after: View): readonly string[] => {
  const known = new Map(rowsOf(before).map((row) => [row.key, row]))
  const rows = rowsOf(after)
  const changed = rows
    .filter(({ mark }) => mark !== 'waiting')
    .flatMap((row) => rowChanges(row, known.get(row.key), pathOf(row, rows)))
  const told = after.messages.slice(before?.messages.length ?? 0)
  const title = before?.title === after.title ? [] : [after.title]
  return [...title, ...changed, ...told.map((message) => `Slack was told: ${message}`)]
}
