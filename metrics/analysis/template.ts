/**
 * Fills the places of a query. Pure.
 *
 * A query is written as a template of Go, of which this much is read: `{{.name}}`, `{{index . "name"}}`, texts (`{{"{{"}}`),
 * comments, and the trim markers of all of them. https://pkg.go.dev/text/template
 *
 * @module
 */

/** A query with its arguments, or what keeps it from having them. */
export type Filled =
  | { readonly kind: 'filled'; readonly query: string }
  | { readonly kind: 'missing'; readonly names: readonly string[] }
  /** A place that can't be read, as it was written. */
  | { readonly kind: 'unreadable'; readonly place: string }

const quoted = /"(?:[^"\\\n]|\\.)*"|`[^`]*`/.source

/** A whole place. Go asks for blanks beside a trim marker. */
const place = new RegExp(
  String.raw`\{\{(?<trimBefore>-(?=\s))?\s*(?:` +
    [
      String.raw`(?<comment>\/\*[\s\S]*?\*\/)`,
      String.raw`\.(?<field>[\p{L}_][\p{L}\p{Nd}_]*)`,
      String.raw`index\s+\.\s+(?<key>${quoted})`,
      `(?<text>${quoted})`,
    ].join('|') +
    String.raw`)(?:(?<trimAfter>\s+-)|\s*)\}\}`,
  'uy',
)

/** A piece of a template: a text, or the name of the argument that stands there. */
type Piece = { readonly text: string } | { readonly argument: string }

/** Fills each place with the argument that it names; arguments are inserted as they are. */
export const fill = (template: string, args: Readonly<Record<string, string>>): Filled => {
  const pieces = piecesOf(template)
  if (!('pieces' in pieces)) return pieces
  const names = pieces.pieces.flatMap((piece) =>
    'argument' in piece && !Object.hasOwn(args, piece.argument) ? [piece.argument] : [],
  )
  if (names.length > 0) return { kind: 'missing', names: [...new Set(names)] }
  const texts = pieces.pieces.map((piece) =>
    'text' in piece ? piece.text : (args[piece.argument] ?? ''),
  )
  return { kind: 'filled', query: texts.join('') }
}

type Unreadable = Extract<Filled, { kind: 'unreadable' }>

/** Takes a template apart. Markers trim what the author wrote, never an argument. */
const piecesOf = (template: string): { readonly pieces: readonly Piece[] } | Unreadable => {
  const pieces: Piece[] = []
  let trims = false
  let at = 0
  for (;;) {
    const start = template.indexOf('{{', at)
    if (start < 0) return { pieces: [...pieces, { text: literal(template.slice(at), { trims }) }] }
    const found = placeAt(template, start)
    if (found === undefined) return unreadable(template.slice(start))
    const { trimsBefore } = found
    const text = literal(template.slice(at, start), { trims, trimsBefore })
    pieces.push({ text }, found.piece)
    trims = found.trimsAfter
    at = found.end
  }
}

const literal = (
  text: string,
  { trims, trimsBefore = false }: { readonly trims: boolean; readonly trimsBefore?: boolean },
): string => {
  const begun = trims ? text.trimStart() : text
  return trimsBefore ? begun.trimEnd() : begun
}

/** The place that begins here; `undefined` when it is none that is read. */
const placeAt = (template: string, start: number) => {
  place.lastIndex = start
  const match = place.exec(template)
  const { trimBefore, trimAfter, ...groups } = match?.groups ?? {}
  const piece = pieceOf(groups)
  if (match === null || piece === undefined) return undefined
  return {
    piece,
    end: start + match[0].length,
    trimsBefore: trimBefore !== undefined,
    trimsAfter: trimAfter !== undefined,
  }
}

/** What stands in a place; `undefined` when it can't be told. */
const pieceOf = (groups: Readonly<Record<string, string | undefined>>): Piece | undefined => {
  const { comment, field, key, text } = groups
  if (comment !== undefined) return { text: '' }
  if (field !== undefined) return { argument: field }
  const read = unquoted(key ?? text ?? '')
  if (read === undefined) return undefined
  return key === undefined ? { text: read } : { argument: read }
}

const unquoted = (text: string): string | undefined => {
  if (text.startsWith('`')) return text.slice(1, -1)
  try {
    return JSON.parse(text) as string
  } catch {
    // One of the escapes that Go has and JSON has not.
    return undefined
  }
}

const longestPlace = 80

const unreadable = (from: string): Unreadable => {
  const end = from.indexOf('}}')
  const whole = end < 0 ? from : from.slice(0, end + 2)
  return {
    kind: 'unreadable',
    place: whole.length <= longestPlace ? whole : `${whole.slice(0, longestPlace)}…`,
  }
}
