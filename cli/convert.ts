/**
 * `gatekept convert`: turns files of Keptn v1 into objects, as a program that can be tried without a process.
 *
 * @module
 */
import { Command, CommanderError } from 'commander'
import { ConversionError, type Converted } from '../metrics/convert/conversion.ts'
import { convertSli } from '../metrics/convert/sli.ts'
import { convertSlo } from '../metrics/convert/slo.ts'

/** What the program needs of its process. */
export interface Surroundings {
  /** Reads a file; `-` is standard input. */
  readonly read: (file: string) => Promise<string>
  readonly print: (text: string) => void
  /** For people: problems, and what they should know. */
  readonly complain: (text: string) => void
}

/** Runs the command with these arguments, and tells the exit code. Nothing is printed when something is wrong. */
export const runConvert = async (
  surroundings: Surroundings,
  args: readonly string[],
): Promise<number> => {
  const program = isKeptns(args) ? keptnProgram(surroundings) : convertProgram(surroundings)
  try {
    await program.parseAsync(args.map(withTwoDashes), { from: 'user' })
    return 0
  } catch (error) {
    // Commander has told it.
    if (error instanceof CommanderError) return error.exitCode
    if (!(error instanceof ConversionError)) throw error
    surroundings.complain(`${error.message}\n`)
    return 1
  }
}

const convertProgram = ({ read, print, complain }: Surroundings): Command => {
  const program = commandFor('gatekept convert', { print, complain })
    .description('Turn the SLI and SLO files of Keptn v1 into objects')
    .helpCommand(false)
  const show = showOn({ print, complain })
  const add = (name: string, description: string): Command =>
    program
      .command(`${name} <file>`)
      .description(`${description}; "-" reads standard input`)
      .copyInheritedSettings(program)
  add('sli', 'make an AnalysisValueTemplate of each indicator')
    .requiredOption(...providerName)
    .requiredOption(...providerNamespace)
    .action(async (file: string, options: SliFlags) => {
      await show(file, () => read(file), sliConverter(options))
    })
  add('slo', 'make an AnalysisDefinition')
    .requiredOption(...definitionName)
    .requiredOption(...templateNamespace)
    .action(async (file: string, options: SloFlags) => {
      await show(file, () => read(file), sloConverter(options))
    })
  return program
}

/** Keptn's own way to ask: everything is a flag, and the two that name a namespace mean the same. */
const keptnProgram = ({ read, print, complain }: Surroundings): Command => {
  const show = showOn({ print, complain })
  return commandFor('gatekept', { print, complain })
    .option('--convert-sli <file>', 'SLI file to convert')
    .option('--convert-slo <file>', 'SLO file to convert')
    .option(...providerName)
    .option(...providerNamespace)
    .option(...definitionName)
    .option(...templateNamespace)
    .action(async (options: KeptnFlags) => {
      const { convertSli: sli = '', convertSlo: slo = '' } = options
      const namespace = options.analysisValueTemplateNamespace ?? options.keptnProviderNamespace
      const { keptnProviderName = '', analysisDefinitionName = '' } = options
      const keptnProviderNamespace = options.keptnProviderNamespace ?? namespace ?? ''
      const analysisValueTemplateNamespace = namespace ?? ''
      if (sli !== '') {
        const convert = sliConverter({ keptnProviderName, keptnProviderNamespace })
        await show(sli, () => read(sli), convert)
      } else {
        const convert = sloConverter({ analysisDefinitionName, analysisValueTemplateNamespace })
        await show(slo, () => read(slo), convert)
      }
    })
}

const providerName = [
  '--keptn-provider-name <name>',
  'KeptnMetricsProvider that the templates ask',
] as const
const providerNamespace = ['--keptn-provider-namespace <namespace>', 'its namespace'] as const
const definitionName = [
  '--analysis-definition-name <name>',
  'name of the AnalysisDefinition',
] as const
const templateNamespace = [
  '--analysis-value-template-namespace <namespace>',
  'namespace of the AnalysisValueTemplates that it refers to',
] as const

interface SliFlags {
  readonly keptnProviderName: string
  readonly keptnProviderNamespace: string
}

interface SloFlags {
  readonly analysisDefinitionName: string
  readonly analysisValueTemplateNamespace: string
}

interface KeptnFlags extends Partial<SliFlags>, Partial<SloFlags> {
  readonly convertSli?: string
  readonly convertSlo?: string
}

type Convert = (text: string) => Converted

const sliConverter =
  ({ keptnProviderName, keptnProviderNamespace }: SliFlags): Convert =>
  (text) =>
    convertSli(text, {
      providerName: keptnProviderName,
      providerNamespace: keptnProviderNamespace,
    })

const sloConverter =
  ({ analysisDefinitionName, analysisValueTemplateNamespace }: SloFlags): Convert =>
  (text) =>
    convertSlo(text, {
      definitionName: analysisDefinitionName,
      templateNamespace: analysisValueTemplateNamespace,
    })

const showOn =
  ({ print, complain }: Pick<Surroundings, 'print' | 'complain'>) =>
  async (file: string, read: () => Promise<string>, convert: Convert): Promise<void> => {
    const { yaml, notes } = converted(file, await textOf(file, read), convert)
    for (const note of notes) complain(`Note: ${note}\n`)
    print(yaml)
  }

const textOf = async (file: string, read: () => Promise<string>): Promise<string> => {
  try {
    return await read()
  } catch (error) {
    throw new ConversionError(`Cannot read "${file}": ${(error as Error).message}`)
  }
}

const converted = (file: string, text: string, convert: Convert): Converted => {
  try {
    return convert(text)
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error
    throw new ConversionError(`Cannot convert "${file}": ${error.message}`, { cause: error })
  }
}

const commandFor = (
  name: string,
  { print, complain }: Pick<Surroundings, 'print' | 'complain'>,
): Command =>
  new Command(name)
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: complain })
    .showHelpAfterError(`See ${name} --help`)

const isKeptns = (args: readonly string[]): boolean =>
  args.some((arg) => /^--?convert-sl[io](=|$)/.test(arg))

/** Keptn's flags could be written with one dash. */
const withTwoDashes = (arg: string): string => (/^-[a-z]+-/.test(arg) ? `-${arg}` : arg)
