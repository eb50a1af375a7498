/**
 * What `gatekept controller` is told by its arguments and its environment.
 *
 * @module
 */
import type { Eligibility } from '../identity/scope.ts'
import { SettingsError } from '../kube/settings-error.ts'
import { isRange, isSourceEntry } from '../metrics/addresses.ts'
import { isNoProxyEntry, usualNoProxy } from '../metrics/proxy.ts'

/** The parts that a controller process can have. */
export const parts = ['lifecycle', 'gate', 'certs', 'metrics'] as const
export type Part = (typeof parts)[number]

/** How the process was started. */
export interface ControllerSettings {
  readonly parts: ReadonlySet<Part>
  /** Our own namespace. */
  readonly namespace: string
  /** Who we are among replicas. */
  readonly podName: string
  readonly eligibility: Eligibility
  /** Whether app versions have a phase for their promotion. */
  readonly promotes: boolean
  readonly denoImage: string
  readonly pythonImage: string
  readonly logLevel: string
  readonly probePort: number
  readonly metricsPort: number
  /** Whether KeptnMetrics are served to others than the API server. */
  readonly exposesMetrics: boolean
  readonly exposedMetricsPort: number
  /** Where this process reaches the API server: no metric source may name it. */
  readonly apiServerAddress?: string
  /** Ranges (CIDR) that metric sources may have although they are refused by default. */
  readonly allowedSourceRanges: readonly string[]
  /** The only names and ranges that metric sources may have; empty: any that is not refused. */
  readonly allowedSources: readonly string[]
  /** Through which proxy metric sources are asked, and the file with its `user:password`. Not given: through none. */
  readonly sourceProxy?: {
    readonly url: URL
    readonly noProxy: readonly string[]
    readonly credentialsFile?: string
  }
  /** Whether metric sources may show any certificate where their providers say so. */
  readonly allowsInsecureTls: boolean
  /** Where the custom metrics API is served, and the folder of its certificate. Not given: it is not served. */
  readonly customMetrics?: { readonly port: number; readonly certificateFolder: string }
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

/** A variable that is empty is one that is not set: that is how a manifest leaves one out. */
type Read = (name: string, missing: string) => string

const port = (read: Read, name: string, missing: string): number => {
  const text = read(name, missing)
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value <= 65_535) return value
  throw new SettingsError(`Cannot start: ${name} is "${text}", and must be a port number`)
}

const flag = (read: Read, name: string, missing = 'false'): boolean => {
  const text = read(name, missing)
  if (text === 'true' || text === 'false') return text === 'true'
  throw new SettingsError(`Cannot start: ${name} is "${text}", and must be true or false`)
}

const list = (
  read: Read,
  name: string,
  isEntry: (entry: string) => boolean,
  what: string,
): readonly string[] => {
  const entries = read(name, '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  const wrong = entries.find((entry) => !isEntry(entry))
  if (wrong === undefined) return entries
  throw new SettingsError(
    `Cannot start: ${name} holds "${wrong}", and must be a list of ${what}, separated by commas`,
  )
}

// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
const isName = (text: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)

const logLevels: readonly string[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

const logLevel = (read: Read): string => {
  const level = read('LOG_LEVEL', 'info')
  if (logLevels.includes(level)) return level
  throw new SettingsError(
    `Cannot start: LOG_LEVEL is "${level}", and must be one of ${logLevels.join(', ')}`,
  )
}

const imagesFor = (
  read: Read,
  areNeeded: boolean,
): Pick<ControllerSettings, 'denoImage' | 'pythonImage'> => {
  const image = (name: string, language: string): string => {
    const reference = read(name, '')
    if (areNeeded && reference === '') {
      throw new SettingsError(`Cannot start: ${name} must name the image of ${language} tasks`)
    }
    return reference
  }
  return {
    denoImage: image('FUNCTION_RUNNER_IMAGE', 'deno'),
    pythonImage: image('PYTHON_RUNNER_IMAGE', 'python'),
  }
}

const customMetricsFor = (read: Read): Pick<ControllerSettings, 'customMetrics'> =>
  flag(read, 'ENABLE_CUSTOM_METRICS_API_SERVICE', 'true')
    ? {
        customMetrics: {
          port: port(read, 'CUSTOM_METRICS_PORT', '6443'),
          certificateFolder: read('CERTIFICATE_FOLDER', '/var/run/gatekept/certificates'),
        },
      }
    : {}

const sourceProxyFor = (read: Read): Pick<ControllerSettings, 'sourceProxy'> => {
  const text = read('SOURCE_PROXY', '')
  if (text === '') return {}
  const url = URL.canParse(text) ? new URL(text) : undefined
  // The text is not repeated: a password may be what is wrong with it.
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname + url.search !== '/') {
    throw new SettingsError(
      'Cannot start: SOURCE_PROXY must be a URL such as http://proxy.example.com:3128',
    )
  }
  if (url.username !== '' || url.password !== '') {
    throw new SettingsError(
      'Cannot start: SOURCE_PROXY holds credentials, which belong into the file that SOURCE_PROXY_CREDENTIALS_FILE names',
    )
  }
  const noProxy = list(
    read,
    'SOURCE_NO_PROXY',
    isNoProxyEntry,
    'names, .names, addresses and address ranges (CIDR)',
  )
  const credentialsFile = read('SOURCE_PROXY_CREDENTIALS_FILE', '')
  return {
    sourceProxy: {
      url,
      noProxy: noProxy.length === 0 ? usualNoProxy : noProxy,
      ...(credentialsFile === '' ? {} : { credentialsFile }),
    },
  }
}

/** Reads the settings. Throws a `SettingsError` that says what to change. */
export const readSettings = (
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ControllerSettings => {
  const chosen = partsOf(args)
  const read: Read = (name, missing) => {
    const value = environment[name] ?? ''
    return value === '' ? missing : value
  }
  // The gate's part comes with the engine, which runs tasks.
  const runsTasks = chosen.has('lifecycle') || chosen.has('gate')
  const podName = read('POD_NAME', '')
  if (podName === '') {
    throw new SettingsError('Cannot start: POD_NAME must tell this replica from the others')
  }
  const apiServerAddress = environment['KUBERNETES_SERVICE_HOST']
  return {
    ...(apiServerAddress === undefined ? {} : { apiServerAddress }),
    parts: chosen,
    namespace: read('POD_NAMESPACE', 'keptn-system'),
    podName,
    eligibility: {
      allowed: list(read, 'ALLOWED_NAMESPACES', isName, 'names of namespaces'),
      denied: list(read, 'DENIED_NAMESPACES', isName, 'names of namespaces'),
    },
    promotes: flag(read, 'PROMOTION_TASKS_ENABLED'),
    ...imagesFor(read, runsTasks),
    logLevel: logLevel(read),
    probePort: port(read, 'PROBE_PORT', '8081'),
    metricsPort: port(read, 'KEPTN_DORA_METRICS_PORT', '2222'),
    exposesMetrics: flag(read, 'EXPOSE_KEPTN_METRICS', 'true'),
    exposedMetricsPort: port(read, 'KEPTN_METRICS_PORT', '9999'),
    allowedSourceRanges: list(read, 'ALLOWED_SOURCE_RANGES', isRange, 'address ranges (CIDR)'),
    allowedSources: list(
      read,
      'ALLOWED_SOURCES',
      isSourceEntry,
      'names, *.names and address ranges (CIDR)',
    ),
    allowsInsecureTls: flag(read, 'ALLOW_INSECURE_TLS'),
    ...(chosen.has('metrics') ? { ...customMetricsFor(read), ...sourceProxyFor(read) } : {}),
  }
}
