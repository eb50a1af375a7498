/**
 * Converts the SLI file of Keptn v1 into AnalysisValueTemplates. Pure.
 *
 * @module
 */
import {
  checkedName,
  ConversionError,
  fieldsOf,
  metadataOf,
  objectName,
  readFields,
  textOf,
  writeObject,
  type Converted,
} from './conversion.ts'

/** The KeptnMetricsProvider that the templates ask. */
export interface SliOptions {
  readonly providerName: string
  readonly providerNamespace: string
}

/** Makes an AnalysisValueTemplate of each indicator, in the order of the file. Throws a {@link ConversionError}. */
export const convertSli = (text: string, options: SliOptions): Converted => {
  const provider = {
    name: checkedName('--keptn-provider-name', options.providerName),
    namespace: checkedName('--keptn-provider-namespace', options.providerNamespace),
  }
  const indicators = fieldsOf('"indicators"', readFields(text)['indicators'])
  const templates = new Map<string, string>()
  for (const [sli, query] of Object.entries(indicators)) {
    const name = objectName(sli)
    if (templates.has(name)) {
      throw new ConversionError(`Rename the SLI "${sli}": another one becomes "${name}", too`)
    }
    templates.set(name, templateOf(name, textOf(`The query of "${sli}"`, query), provider))
  }
  if (templates.size === 0) throw new ConversionError('"indicators" is empty')
  return { yaml: [...templates.values()].map((template) => `---\n${template}`).join(''), notes: [] }
}

const templateOf = (name: string, query: string, provider: object): string =>
  writeObject({
    apiVersion: 'metrics.keptn.sh/v1',
    kind: 'AnalysisValueTemplate',
    metadata: metadataOf(name),
    spec: { provider, query: withArguments(query) },
  })

/** `$SERVICE`, which Keptn v1 filled in, becomes `{{.service}}`, which an Analysis fills in. */
const withArguments = (query: string): string =>
  query.replace(/\$([A-Z][A-Z0-9]*)\b/g, (_found, name: string) => `{{.${name.toLowerCase()}}}`)
