import { describe, expect, test } from '@jest/globals'
import { readSettings } from '../../../controller/settings.ts'
import { SettingsError } from '../../../kube/settings-error.ts'

const environment = {
  FUNCTION_RUNNER_IMAGE: 'deno:1',
  PYTHON_RUNNER_IMAGE: 'python:1',
  POD_NAME: 'operator-1',
}
const lifecycle = ['--parts', 'lifecycle,gate']

test('what is not set has its default, and what is empty counts as not set', () => {
  const wanted = {
    parts: new Set(['lifecycle', 'gate']),
    namespace: 'keptn-system',
    podName: 'operator-1',
    denoImage: 'deno:1',
    pythonImage: 'python:1',
    logLevel: 'info',
    probePort: 8081,
    promotes: false,
    metricsPort: 2222,
    exposesMetrics: true,
    exposedMetricsPort: 9999,
    allowedSourceRanges: [],
    allowedSources: [],
    eligibility: { allowed: [], denied: [] },
    allowsInsecureTls: false,
  }
  expect(readSettings(lifecycle, environment)).toEqual(wanted)
  const empty = {
    POD_NAMESPACE: '',
    LOG_LEVEL: '',
    PROBE_PORT: '',
    KEPTN_DORA_METRICS_PORT: '',
    EXPOSE_KEPTN_METRICS: '',
    KEPTN_METRICS_PORT: '',
    ALLOWED_SOURCE_RANGES: '',
    ALLOWED_SOURCES: '',
    ALLOWED_NAMESPACES: '',
    DENIED_NAMESPACES: '',
    ALLOW_INSECURE_TLS: '',
  }
  expect(readSettings(lifecycle, { ...environment, ...empty })).toEqual(wanted)
})

test('what is set counts', () => {
  const settings = readSettings(['--parts', 'metrics'], {
    POD_NAMESPACE: 'gatekept',
    POD_NAME: 'metrics-1',
    LOG_LEVEL: 'debug',
    PROBE_PORT: '9000',
    KEPTN_DORA_METRICS_PORT: '0',
    EXPOSE_KEPTN_METRICS: 'false',
    KEPTN_METRICS_PORT: '9998',
    ALLOWED_SOURCE_RANGES: ' 10.0.0.0/8, ,192.168.0.0/16 ',
    ALLOWED_SOURCES: 'prometheus.monitoring.svc, *.example.com,fd00::/8',
    ALLOWED_NAMESPACES: 'shop',
    DENIED_NAMESPACES: 'monitoring, cert-manager',
    ALLOW_INSECURE_TLS: 'true',
  })
  expect(settings).toEqual({
    parts: new Set(['metrics']),
    namespace: 'gatekept',
    eligibility: { allowed: ['shop'], denied: ['monitoring', 'cert-manager'] },
    podName: 'metrics-1',
    denoImage: '',
    pythonImage: '',
    logLevel: 'debug',
    probePort: 9000,
    promotes: false,
    metricsPort: 0,
    exposesMetrics: false,
    exposedMetricsPort: 9998,
    allowedSourceRanges: ['10.0.0.0/8', '192.168.0.0/16'],
    allowedSources: ['prometheus.monitoring.svc', '*.example.com', 'fd00::/8'],
    allowsInsecureTls: true,
    customMetrics: { port: 6443, certificateFolder: '/var/run/gatekept/certificates' },
  })
})

test('the custom metrics API is served where the metrics part is told to', () => {
  const given = {
    POD_NAME: 'metrics-1',
    CUSTOM_METRICS_PORT: '7443',
    CERTIFICATE_FOLDER: '/certificates',
  }
  const customMetrics = { port: 7443, certificateFolder: '/certificates' }
  expect(readSettings(['--parts', 'metrics'], given)).toMatchObject({ customMetrics })
  const off = { ...given, ENABLE_CUSTOM_METRICS_API_SERVICE: 'false' }
  expect(readSettings(['--parts', 'metrics'], off)).not.toHaveProperty('customMetrics')
  expect(readSettings(lifecycle, { ...environment, ...given })).not.toHaveProperty('customMetrics')
})

describe('a mistake is said in a sentence', () => {
  test.each([
    [
      'no parts',
      [],
      environment,
      'Usage: gatekept controller --parts lifecycle,gate,certs,metrics',
    ],
    ['an empty list of parts', ['--parts', ','], environment, 'Usage'],
    ['an argument too many', [...lifecycle, 'more'], environment, 'Usage'],
    ['an unknown part', ['--parts', 'gate,dashboard'], environment, 'no part "dashboard"'],
    ['no image for tasks', lifecycle, { POD_NAME: 'x' }, 'FUNCTION_RUNNER_IMAGE'],
    ['the gate without it', ['--parts', 'gate'], { POD_NAME: 'x' }, 'FUNCTION_RUNNER_IMAGE'],
    [
      'no image for Python tasks',
      lifecycle,
      { ...environment, PYTHON_RUNNER_IMAGE: '' },
      'PYTHON_RUNNER_IMAGE must name the image of python tasks',
    ],
    ['no name of the replica', ['--parts', 'metrics'], {}, 'POD_NAME'],
    [
      'a port that is none',
      lifecycle,
      { ...environment, PROBE_PORT: '80a' },
      'PROBE_PORT is "80a"',
    ],
    ['a port that is too high', lifecycle, { ...environment, PROBE_PORT: '65536' }, 'PROBE_PORT'],
    [
      'a switch that is none',
      ['--parts', 'metrics'],
      { POD_NAME: 'x', ENABLE_CUSTOM_METRICS_API_SERVICE: 'yes' },
      'ENABLE_CUSTOM_METRICS_API_SERVICE is "yes"',
    ],
    ['a log level that is none', lifecycle, { ...environment, LOG_LEVEL: 'loud' }, 'LOG_LEVEL'],
  ])('%s', (_, args, given, sentence) => {
    expect(() => readSettings(args, given)).toThrow(SettingsError)
    expect(() => readSettings(args, given)).toThrow(sentence)
  })
})

describe('the proxy of metric sources', () => {
  const metrics = ['--parts', 'metrics']
  const read = (more: Readonly<Record<string, string>>) =>
    readSettings(metrics, { ...environment, ...more }).sourceProxy

  test('is none unless it is set, whatever programs usually read', () => {
    expect(read({ HTTPS_PROXY: 'http://proxy:3128', http_proxy: 'http://proxy:3128' })).toBe(
      undefined,
    )
  })

  test('leaves out Services and private ranges by default', () => {
    expect(read({ SOURCE_PROXY: 'http://proxy:3128' })).toEqual({
      url: new URL('http://proxy:3128'),
      noProxy: expect.arrayContaining(['.svc', '10.0.0.0/8']),
    })
  })

  test('has a list and a file of credentials where they are set', () => {
    const set = {
      SOURCE_PROXY: 'https://proxy.example.com/',
      SOURCE_NO_PROXY: '.svc, prom.example.com:9090',
      SOURCE_PROXY_CREDENTIALS_FILE: '/credentials',
    }
    expect(read(set)).toEqual({
      url: new URL('https://proxy.example.com'),
      noProxy: ['.svc', 'prom.example.com:9090'],
      credentialsFile: '/credentials',
    })
  })

  test.each([
    ['credentials in it', 'http://us:password@proxy:3128'],
    ['another protocol', 'socks5://proxy:1080'],
    ['a path', 'http://proxy:3128/path'],
    ['no protocol', 'proxy:3128'],
  ])('with %s is refused, and not repeated', (_what, url) => {
    expect(() => read({ SOURCE_PROXY: url })).toThrow(SettingsError)
    expect(() => read({ SOURCE_PROXY: url })).not.toThrow(/password|3128\/path/)
  })

  test('is not asked for what its list can not say', () => {
    expect(() => read({ SOURCE_PROXY: 'http://proxy:3128', SOURCE_NO_PROXY: 'a b' })).toThrow(
      /SOURCE_NO_PROXY holds "a b"/,
    )
  })
})
