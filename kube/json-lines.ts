/**
 * Reads a stream of bytes that holds one JSON value per line, as a watch does.
 *
 * Bytes are gathered up to the line's end before they are decoded: no character and no value is harmed by where the network
 * happens to cut.
 *
 * @module
 */

/** A stream that broke its promise. `Malformed`: a whole line is not JSON; `Cut`: it ended within a line. */
export class JsonLinesError extends Error {
  override readonly name = 'JsonLinesError'
  readonly reason: 'Malformed' | 'Cut' | 'TooLarge'

  constructor(reason: JsonLinesError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

const newline = 0x0a

const parse = (line: Buffer): unknown => {
  try {
    return JSON.parse(line.toString('utf8'))
  } catch {
    // The parser's own error quotes what it read, which may be a Secret.
    throw new JsonLinesError('Malformed', `A line of ${line.length} bytes is not JSON`)
  }
}

/** The values of a stream, in order. Throws at the first line that is not JSON, or that does not end. */
export async function* jsonLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<unknown, void, undefined> {
  let parts: Buffer[] = []
  let held = 0
  const take = (part: Buffer): Buffer => {
    const line = parts.length === 0 ? part : Buffer.concat([...parts, part])
    parts = []
    held = 0
    return line
  }
  const keep = (part: Buffer): void => {
    if (part.length === 0) return
    held += part.length
    if (held > maxLineBytes) {
      throw new JsonLinesError('TooLarge', `A line is longer than ${maxLineBytes} bytes`)
    }
    parts.push(part)
  }
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let start = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      const line = take(bytes.subarray(start, end))
      start = end + 1
      if (line.length > 0) yield parse(line)
    }
    keep(bytes.subarray(start))
  }
  if (held > 0)
    throw new JsonLinesError('Cut', `The stream ended within a line, after ${held} bytes`)
}
