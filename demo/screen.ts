import { changes, render } from './render.ts'
import type { View } from './rows.ts'

/** Where the view is shown. */
export interface Screen {
  readonly show: (view: View) => void
  /** Leaves what is shown, and the terminal as it was. */
  readonly end: () => void
}

const hideCursor = '\u001b[?25l'
const showCursor = '\u001b[?25h'

/** Draws over what it drew before. */
const terminalScreen = (stream: NodeJS.WriteStream): Screen => {
  let drawn = 0
  stream.write(hideCursor)
  return {
    show: (view) => {
      // The last row is left free: writing its line feed would scroll the first one away.
      // A terminal that does not know its size says 0.
      const { columns, rows } = stream
      const medium = { columns: columns || 80, rows: (rows || 25) - 1, colour: true }
      const lines = render(view, medium)
      const back = drawn === 0 ? '' : `\u001b[${drawn}A`
      stream.write(`${back}\r\u001b[J${lines.join('\n')}\n`)
      drawn = lines.length
    },
    end: () => stream.write(showCursor),
  }
}

/** Writes a line for each change. */
const lineScreen = (write: (line: string) => void): Screen => {
  const start = performance.now()
  let before: View | undefined
  return {
    show: (view) => {
      const seconds = `${((performance.now() - start) / 1000).toFixed(1)} s`
      for (const line of changes(before, view)) write(`${seconds.padStart(7)}  ${line}`)
      before = view
    },
    end: () => undefined,
  }
}

/** The right screen for a stream: a drawing on a terminal, lines in a log. */
export const screenOn = (stream: NodeJS.WriteStream): Screen =>
  stream.isTTY ? terminalScreen(stream) : lineScreen((line) => stream.write(`${line}\n`))
