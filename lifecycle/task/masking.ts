/**
 * Keeps secrets out of what is stored and told.
 *
 * @module
 */

const mask = '***'

/** A piece of a secret this short, at the cut edge of an output, is left: it says nothing, and everything looks like it. */
const shortestPiece = 4

/**
 * The texts by which a secret can be recognised: its value, the strings and numbers in it if it is JSON, and each of these
 * as JSON and as part of a URL.
 */
export const tracesOf = (values: readonly string[]): readonly string[] => {
  const traces = values.flatMap((value) => [value, value.trim(), ...leavesOf(parsed(value))])
  const forms = traces.flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text.toWellFormed()),
  ])
  return [...new Set(forms)].filter((text) => text !== '').sort((a, b) => b.length - a.length)
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // Most secrets are no JSON, and then have no members to look for.
    return undefined
  }
}

const leavesOf = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return [value]
  if (typeof value === 'number') return numberLeaf(String(value))
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leavesOf) : []
}

/** A number of few digits is a port, a count or a flag more often than a secret. */
const numberLeaf = (digits: string): readonly string[] =>
  digits.length < shortestPiece ? [] : [digits]

/**
 * The output with every trace of a secret replaced, and at most so many bytes from its end.
 *
 * What was kept of the output may begin or end within a secret, so pieces of traces at its edges are masked, too.
 */
export const maskedTail = (output: string, traces: readonly string[], maxBytes: number): string => {
  let masked = output
  for (const trace of traces) masked = masked.replaceAll(trace, mask)
  return tail(withMaskedEdges(masked, traces), maxBytes)
}

const withMaskedEdges = (text: string, traces: readonly string[]): string => {
  const start = Math.max(0, ...traces.map((trace) => overlap(trace, text)))
  const end = Math.max(0, ...traces.map((trace) => overlap(text, trace)))
  const kept = text.slice(start, Math.max(start, text.length - end))
  return `${start > 0 ? mask : ''}${kept}${end > 0 ? mask : ''}`
}

/** How long the longest end of one text is with which the other begins. */
const overlap = (ending: string, beginning: string): number => {
  for (
    let length = Math.min(ending.length, beginning.length);
    length >= shortestPiece;
    length -= 1
  ) {
    if (beginning.startsWith(ending.slice(-length))) return length
  }
  return 0
}

const tail = (text: string, maxBytes: number): string => {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return text
  // The cut may fall within a character, whose rest decodes as one that says "unreadable".
  return bytes
    .subarray(-maxBytes)
    .toString('utf8')
    .replace(/^\uFFFD+/, '')
}
