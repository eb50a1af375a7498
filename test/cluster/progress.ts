/** Tells a person what is going on, stage by stage. */
export interface Progress {
  /** Begins a stage; the one before it is finished by that. */
  readonly stage: (text: string) => void
  /** Says something that is no stage. */
  readonly note: (text: string) => void
  /** Finishes the last stage. */
  readonly end: () => void
}

/** Says nothing. */
export const noProgress: Progress = {
  stage: () => undefined,
  note: () => undefined,
  end: () => undefined,
}

/** Writes a line for each stage, and one every half minute for a stage that takes long. */
export const lineProgress = (write: (line: string) => void): Progress => {
  let heartbeat: NodeJS.Timeout | undefined
  const end = (): void => clearInterval(heartbeat)
  return {
    end,
    note: write,
    stage: (text) => {
      end()
      write(text)
      const since = Date.now()
      heartbeat = setInterval(() => {
        write(`${text}: ${Math.round((Date.now() - since) / 1000)} s so far`)
      }, 30_000)
      heartbeat.unref()
    },
  }
}

/** Keeps a terminal's last line up to date with the stage and its seconds. */
const terminalProgress = (stream: NodeJS.WriteStream): Progress => {
  let tick: NodeJS.Timeout | undefined
  let show = (): void => undefined
  const end = (): void => {
    if (tick === undefined) return
    clearInterval(tick)
    tick = undefined
    show()
    stream.write('\n')
  }
  return {
    end,
    note: (text) => {
      end()
      stream.write(`${text}\n`)
    },
    stage: (text) => {
      end()
      const since = Date.now()
      show = () => {
        const line = `${text} (${((Date.now() - since) / 1000).toFixed(0)} s)`
        // A line longer than the terminal would wrap, and the carriage return only reach its last row.
        stream.write(`\r\u001b[K${line.slice(0, (stream.columns || 80) - 1)}`)
      }
      show()
      tick = setInterval(show, 1000)
      tick.unref()
    },
  }
}

/** The right display for a stream: one moving line on a terminal, plain lines in a log. */
export const progressOn = (stream: NodeJS.WriteStream): Progress =>
  stream.isTTY ? terminalProgress(stream) : lineProgress((line) => stream.write(`${line}\n`))
