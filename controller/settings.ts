/**
 * What `gatekept controller` is told by its arguments and its environment.
 *
 * @module
 */

/** The parts that a controller process can have. */
export const parts = ['lifecycle', 'gate', 'certs', 'metrics'] as const
export type Part = (typeof parts)[number]

/** A mistake in how the process was started. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/** How the process was started. */
export interface ControllerSettings {
  readonly parts: ReadonlySet<Part>
  /** Our own namespace. */
  readonly namespace: string
  /** Who we are among replicas. */
  readonly podName: string
  readonly denoImage: string
  readonly logLevel: string
  readonly probePort: number
  readonly metricsPort: number
  /** Ranges (CIDR) that metric sources may have although they are refused by default. */
  readonly allowedSourceRanges: readonly string[]
}

const isPart = (name: string): name is Part => (parts as readonly string[]).includes(name)

const partsOf = (args: readonly string[]): ReadonlySet<Part> => {
  const [flag, list = '', ...rest] = args
  const names = list.split(',').filter((name) => name !== '')
  if (flag !== '--parts' || rest.length > 0 || names.length === 0) {
    throw new SettingsError(`Usage: gatekept controller --parts ${parts.join(',')}`)
  }
  const unknown = names.filter((name) => !isPart(name))
  if (unknown.length > 0) {
    throw new SettingsError(
      `Cannot start: there is no part "${unknown.join('", "')}"; there are ${parts.join(', ')}`,
    )
  }
  return new Set(names.filter(isPart))
}

const port = (name: string, text: string): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value
  throw new SettingsError(`Cannot start: ${name} is "${text}", and must be a port number`)
}

/** Reads the settings. Throws a `SettingsError` that says what to change. */
export const readSettings = (
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ControllerSettings => {
  const chosen = partsOf(args)
  const denoImage = environment['FUNCTION_RUNNER_IMAGE'] ?? ''
  if (chosen.has('lifecycle') && denoImage === '') {
    throw new SettingsError('Cannot start: FUNCTION_RUNNER_IMAGE must name the image of deno tasks')
  }
  return {
    parts: chosen,
    namespace: environment['POD_NAMESPACE'] ?? 'keptn-system',
    podName: environment['POD_NAME'] ?? `gatekept-${process.pid}`,
    denoImage,
    logLevel: environment['LOG_LEVEL'] ?? 'info',
    probePort: port('PROBE_PORT', environment['PROBE_PORT'] ?? '8081'),
    metricsPort: port('KEPTN_DORA_METRICS_PORT', environment['KEPTN_DORA_METRICS_PORT'] ?? '2222'),
    allowedSourceRanges: (environment['ALLOWED_SOURCE_RANGES'] ?? '')
      .split(',')
      .map((range) => range.trim())
      .filter((range) => range !== ''),
  }
}
