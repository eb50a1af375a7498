/**
 * Keeps secrets out of what is stored and told.
 *
 * A script reads its secret in pieces and may print any of them, so a value is recognised whole, by what it is made of
 * (lines, values after a key, words, members of JSON), and by any run of six of its characters; each as it is and as it is
 * commonly written elsewhere. Masking too much costs a word of an output, masking too little a secret.
 *
 * @module
 */

const mask = '***'

/** A part of a secret shorter than this is left: it says nothing, and everything looks like it. */
const shortestPart = 4
/** So many characters in a row that a secret has, too, are taken for a piece of it. */
const runLength = 6

/** By what secrets can be recognised. */
export interface Traces {
  /** Masked wherever they are, however short. */
  readonly exact: readonly string[]
  /** Of these each run of characters is masked. */
  readonly texts: readonly string[]
}

/** The traces that these values leave. */
export const tracesOf = (values: readonly string[]): Traces => {
  const wholes = unique(
    values.flatMap((value) => [value, value.trim(), ...leavesOf(parsed(value))]),
  )
  const parts = unique(wholes.flatMap(partsOf))
  return {
    exact: unique([...wholes, ...parts].flatMap((text) => [...formsOf(text), ...coresOf(text)])),
    texts: unique(wholes.flatMap((whole) => [...formsOf(whole), ...withinBase64(whole)])),
  }
}

const unique = (texts: readonly string[]): readonly string[] => [
  ...new Set(texts.filter((text) => text !== '')),
]

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // Most secrets are no JSON, and then have no members to look for.
    return undefined
  }
}

const leavesOf = (value: unknown): readonly string[] => {
  // A string in JSON may be JSON itself.
  if (typeof value === 'string') return [value, ...leavesOf(parsed(value))]
  if (typeof value === 'number') return numberLeaf(String(value))
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leavesOf) : []
}

/** A number of few digits is a port, a count or a flag more often than a secret. */
const numberLeaf = (digits: string): readonly string[] =>
  digits.length < shortestPart ? [] : [digits]

/** What a script gets that takes a value apart: its lines, what follows a key in them, its words. */
const partsOf = (whole: string): readonly string[] => {
  const lines = whole.split(/[\r\n]+/).map((line) => line.trim())
  const sides = lines.flatMap((line) => [afterFirst(line, '='), afterFirst(line, ':')])
  const words = [...whole.split(/[\s,;&=:"']+/), ...whole.split(/[^\p{L}\p{N}]+/u)]
  return [...lines, ...sides, ...words].filter((part) => part.length >= shortestPart)
}

const afterFirst = (line: string, separator: string): string =>
  line.slice(line.indexOf(separator) + 1).trim()

/** How a text is written as it is, within JSON, in a URL, in a form and as base64. */
const formsOf = (text: string): readonly string[] => [
  text,
  JSON.stringify(text).slice(1, -1),
  encodeURIComponent(text.toWellFormed()),
  new URLSearchParams([['', text]]).toString().slice(1),
  ...(text.length < shortestPart ? [] : base64Of(Buffer.from(text))),
]

/** Both alphabets, without what fills the last group up. */
const base64Of = (bytes: Buffer): readonly string[] => [
  bytes.toString('base64').replace(/=+$/, ''),
  bytes.toString('base64url'),
]

/** How a text looks within the base64 of a longer one: it may begin at any of the three bytes of a group. */
const withinBase64 = (text: string): readonly string[] =>
  [1, 2].flatMap((before) =>
    base64Of(Buffer.concat([Buffer.alloc(before), Buffer.from(text)])).map((encoded) =>
      encoded.slice(before + 1),
    ),
  )

/**
 * How one of the shortest parts looks within the base64 of a longer text, whatever stands beside it: too little for a run.
 * Longer ones have one.
 */
const coresOf = (text: string): readonly string[] =>
  text.length === shortestPart
    ? [0, 1, 2].flatMap((before) => {
        const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)])
        const [first, end] = [Math.ceil((before * 4) / 3), Math.floor((bytes.length * 4) / 3)]
        return base64Of(bytes).map((encoded) => encoded.slice(first, end))
      })
    : []

/**
 * The output with every trace of a secret replaced, and at most so many bytes from its end.
 *
 * What was kept of the output may begin or end within a secret, so pieces of traces at its edges are masked, too.
 */
export const maskedTail = (output: string, traces: Traces, maxBytes: number): string => {
  const isHidden = new Uint8Array(output.length)
  const hide = (start: number, length: number): void => {
    isHidden.fill(1, start, start + length)
  }
  hideExact(output, traces.exact, hide)
  hideRuns(output, traces.texts, hide)
  hideEdges(output, traces.exact, hide)
  return tail(render(output, isHidden), maxBytes)
}

type Hide = (start: number, length: number) => void

const hideExact = (output: string, exact: readonly string[], hide: Hide): void => {
  for (const trace of exact) {
    let at = output.indexOf(trace)
    while (at !== -1) {
      hide(at, trace.length)
      at = output.indexOf(trace, at + 1)
    }
  }
}

const hideRuns = (output: string, texts: readonly string[], hide: Hide): void => {
  const runs = Map.groupBy(
    Array.from({ length: output.length }, (_, at) => at),
    (at) => output.slice(at, at + runLength),
  )
  for (const text of texts) {
    for (let at = 0; at + runLength <= text.length; at += 1) {
      for (const start of runs.get(text.slice(at, at + runLength)) ?? []) hide(start, runLength)
    }
  }
}

/** Longer pieces than these are runs. */
const pieceLengths = [shortestPart, shortestPart + 1]

const hideEdges = (output: string, exact: readonly string[], hide: Hide): void => {
  for (const length of pieceLengths.filter((each) => each <= output.length)) {
    const [first, last] = [output.slice(0, length), output.slice(-length)]
    if (exact.some((trace) => trace.endsWith(first))) hide(0, length)
    if (exact.some((trace) => trace.startsWith(last))) hide(output.length - length, length)
  }
}

const render = (output: string, isHidden: Uint8Array): string => {
  let shown = ''
  for (let at = 0; at < output.length; at += 1) {
    if (isHidden[at] === 0) shown += output.charAt(at)
    else if (isHidden[at - 1] !== 1) shown += mask
  }
  // A run may end within a character of two units.
  return shown.toWellFormed()
}

/** At most so many bytes from the end of a text. */
export const tail = (text: string, maxBytes: number): string => {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return text
  // The cut may fall within a character, whose rest decodes as one that says "unreadable".
  return bytes
    .subarray(-maxBytes)
    .toString('utf8')
    .replace(/^\uFFFD+/, '')
}
