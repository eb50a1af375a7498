/**
 * What a KeptnTaskDefinition says is to be run.
 *
 * @module
 */
import type { KeptnTaskDefinition, RuntimeSpec } from '../../api/index.ts'
import type { Container } from '../../api/kubernetes.ts'

/** Where the code of a script is. */
export type Code =
  | { readonly kind: 'inline'; readonly text: string }
  | { readonly kind: 'configMap'; readonly name: string }
  | { readonly kind: 'url'; readonly url: string }

/** What a task of a definition runs, or why none can be run. */
export type Source =
  | { readonly kind: 'script'; readonly code: Code; readonly runtime: RuntimeSpec }
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
 * Tells what a definition runs. `function` is the old name of `deno`; a script that says something wins over a container.
 *
 * Of several sources of code the first counts: inline, ConfigMap, URL, another definition.
 */
export const sourceOf = (spec: KeptnTaskDefinition['spec']): Source => {
  const deno = [spec.deno, spec.function].find(isGiven)
  if (deno !== undefined) return scriptOf(deno)
  if (isGiven(spec.python)) {
    return unusable('Unsupported', 'A task in Python is not supported by this release')
  }
  if (spec.container !== undefined) return { kind: 'container', container: spec.container }
  return unusable('NoSource', 'The definition is empty: give it `deno` with code, or `container`')
}

const scriptOf = (runtime: RuntimeSpec): Source => {
  const code = codeOf(runtime)
  if (code !== undefined) return checked(code, runtime)
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
  const url = runtime.httpRef?.url
  return isFilled(url) ? { kind: 'url', url } : undefined
}

const checked = (code: Code, runtime: RuntimeSpec): Source =>
  // Anything else could be a file in the pod or an option of the program that runs the script.
  code.kind === 'url' && !/^https?:\/\/./i.test(code.url)
    ? unusable('InvalidUrl', `The URL "${code.url}" under \`httpRef.url\` is not http or https`)
    : { kind: 'script', code, runtime }
