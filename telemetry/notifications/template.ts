/**
 * Texts with places in them, such as `{{name}}: {{message}}`: each place is one of a few names, and nothing else happens in
 * a text, so that who writes one can't break a message.
 *
 * @module
 */

/** A text as it was read. */
export interface Template {
  readonly parts: readonly (string | { readonly place: string })[]
}

const place = /\{\{([^{}]*)\}\}/g

/** Reads a text. Throws a sentence for a place that is none of these. */
export const readTemplate = (text: string, places: readonly string[]): Template => {
  const parts: (string | { readonly place: string })[] = []
  let end = 0
  for (const found of text.matchAll(place)) {
    const name = (found[1] ?? '').trim()
    if (!places.includes(name)) {
      throw new Error(`its template has "{{${name}}}", and may have ${places.join(', ')}`)
    }
    parts.push(text.slice(end, found.index), { place: name })
    end = found.index + found[0].length
  }
  return { parts: [...parts, text.slice(end)] }
}

/** The text with what belongs in its places, as `escape` writes it. */
export const fill = (
  { parts }: Template,
  values: Readonly<Record<string, string>>,
  escape: (text: string) => string,
): string =>
  parts.map((part) => (typeof part === 'string' ? part : escape(values[part.place] ?? ''))).join('')
