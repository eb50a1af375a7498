/**
 * What a KeptnTaskDefinition says is to be run.
 *
 * @module
 */
import type { KeptnTaskDefinition, RuntimeSpec } from '../../api/index.ts'
import type { Container } from '../../api/kubernetes.ts'

/** What scripts are written in; each has an image that runs them. */
export type Language = 'deno' | 'python'

/** Code that the task's pod fetches when it starts. */
export interface RemoteCode {
  readonly url: string
  /** The digest that the code must have, in hexadecimal digits. */
  readonly sha256?: string
}

/** Where the code of a script is. */
export type Code =
  | { readonly kind: 'inline'; readonly text: string }
  | { readonly kind: 'configMap'; readonly name: string }
  | ({ readonly kind: 'url' } & RemoteCode)

/** What a task of a definition runs, or why none can be run. */
export type Source =
  | {
      readonly kind: 'script'
      readonly language: Language
      readonly code: Code
      readonly runtime: RuntimeSpec
    }
  | { readonly kind: 'container'; readonly container: Container }
  /** Another definition's code, with what is given to it here: see `lineage.ts`. */
  | { readonly kind: 'reference'; readonly name: string; readonly runtime: RuntimeSpec }
  | { readonly kind: 'unusable'; readonly reason: string; readonly message: string }

const unusable = (reason: string, message: string): Source => ({
  kind: 'unusable',
  reason,
  message,
})

const isFilled = (text: string | undefined): text is string =>
  text !== undefined && text.trim() !== ''

const isGiven = (runtime: RuntimeSpec | undefined): runtime is RuntimeSpec =>
  runtime !== undefined && Object.keys(runtime).length > 0

/**
 * Tells what a definition runs. `function` is the old name of `deno`; `deno` wins over `python`, and a script that says
 * something over a container.
 *
 * Of several sources of code the first counts: inline, ConfigMap, URL, another definition.
 */
export const sourceOf = (spec: KeptnTaskDefinition['spec']): Source => {
  const deno = [spec.deno, spec.function].find(isGiven)
  if (deno !== undefined) return scriptOf('deno', deno)
  if (isGiven(spec.python)) return scriptOf('python', spec.python)
  if (spec.container !== undefined) return { kind: 'container', container: spec.container }
  return unusable(
    'NoSource',
    'The definition is empty: give it `deno` or `python` with code, or `container`',
  )
}

const scriptOf = (language: Language, runtime: RuntimeSpec): Source => {
  const code = codeOf(runtime)
  if (code !== undefined) {
    return invalidUrl(code) ?? { kind: 'script', language, code, runtime }
  }
  const name = runtime.functionRef?.name
  if (isFilled(name)) return { kind: 'reference', name, runtime }
  return runtime.inline === undefined
    ? unusable(
        'NoSource',
        'The script has no code: give it `inline.code`, `configMapRef.name`, `httpRef.url` or `functionRef.name`',
      )
    : unusable('EmptyCode', 'The code under `inline.code` is empty')
}

const codeOf = (runtime: RuntimeSpec): Code | undefined => {
  const text = runtime.inline?.code
  if (isFilled(text)) return { kind: 'inline', text }
  const name = runtime.configMapRef?.name
  if (isFilled(name)) return { kind: 'configMap', name }
  const { url, sha256 } = runtime.httpRef ?? {}
  if (!isFilled(url)) return undefined
  return { kind: 'url', url, ...(sha256 === undefined ? {} : { sha256 }) }
}

const invalidUrl = (code: Code): Source | undefined => {
  if (code.kind !== 'url') return undefined
  // Anything else could be a file in the pod or an option of the program that runs the script.
  return /^https?:\/\/./i.test(code.url)
    ? undefined
    : unusable('InvalidUrl', `The URL "${code.url}" under \`httpRef.url\` is not http or https`)
}
