/**
 * What libraries bring and no process of the image ever runs, and what the bundle holds in its place.
 *
 * Node keeps the text of every module that it loaded, run or not, and what a module makes when it is loaded: each process
 * would carry it for as long as it lives.
 *
 * @module
 */
import { join, sep } from 'node:path'
import type { Plugin } from 'esbuild'
import { root } from './paths.ts'

interface Replacement {
  /** What is imported, as it is written. */
  readonly module: RegExp
  /** Where that is replaced, as the start of a path below the checkout. */
  readonly importedBy: string
  readonly by: string
}

/** A function that must never be called: says so if it is, rather than to do something else than its model. */
const absent = (what: string): string =>
  `() => { throw new Error(${JSON.stringify(`Cannot ${what}: the bundle leaves it out`)}) }`

const replacements: readonly Replacement[] = [
  // Fastify loads its compilers of schemas for every server. Ours declares none: reviews are read in webhook/review.ts.
  {
    module: /^@fastify\/ajv-compiler$/,
    importedBy: 'node_modules/fastify/',
    by: `module.exports = () => ${absent('validate by a schema')}`,
  },
  {
    module: /^@fastify\/fast-json-stringify-compiler$/,
    importedBy: 'node_modules/fastify/',
    by: `module.exports = () => ${absent('serialize by a schema')}`,
  },
  // Requests without a network, for tests.
  {
    module: /^light-my-request$/,
    importedBy: 'node_modules/fastify/',
    by: `module.exports = ${absent('inject a request')}`,
  },
  // Schemas serve the compiler and the CRDs, which are made before. What is left of a kind is how it is named.
  {
    module: /^typebox$/,
    importedBy: 'api/',
    by: 'export const Type = new Proxy({}, { get: () => () => ({}) })',
  },
  // Of the HTTP library, what kube/ and metrics/ use: no fetch, caches, mocks, proxies, WebSockets.
  {
    module: /^undici$/,
    importedBy: '',
    by: `
      const Dispatcher = require('undici/lib/dispatcher/dispatcher.js')
      Object.assign(Dispatcher.prototype, { request: require('undici/lib/api/api-request.js') })
      exports.Agent = require('undici/lib/dispatcher/agent.js')
      exports.Pool = require('undici/lib/dispatcher/pool.js')
      exports.buildConnector = require('undici/lib/core/connect.js')
      exports.errors = require('undici/lib/core/errors.js')
      exports.request = ({ origin, pathname, search }, { dispatcher, ...options }) =>
        dispatcher.request({ ...options, origin, path: pathname + search })`,
  },
  // It asks these about bodies that are neither text nor bytes. All of ours are text.
  {
    module: /\/web\/(fetch\/(formdata|body)|webidl)(\.js)?$/,
    importedBy: 'node_modules/undici/lib/',
    by: `
      exports.webidl = { is: { FormData: () => false } }
      exports.extractBody = ${absent('send a form')}`,
  },
  // A second parser, for trial.
  {
    module: /\/milo\/(no-)?simd\.js$/,
    importedBy: 'node_modules/undici/lib/',
    by: `exports.setup = ${absent('parse with Milo')}`,
  },
  // Traces for exemplars, which are off.
  {
    module: /^@opentelemetry\/api$/,
    importedBy: 'node_modules/prom-client/',
    by: '',
  },
  // Definitions of services as text, which gRPC reads for a service of its own that we do not offer.
  {
    module: /^@grpc\/proto-loader$/,
    importedBy: 'node_modules/@grpc/grpc-js/',
    by: `exports.loadSync = ${absent('read definitions of services')}`,
  },
  // Of the certificates' library, X.509 alone: no TLS, SSH, PKCS#7 and #12.
  {
    module: /^node-forge$/,
    importedBy: 'certs/',
    by: `
      require('node-forge/lib/x509.js')
      require('node-forge/lib/sha256.js')
      module.exports = require('node-forge/lib/forge.js')`,
  },
]

/** Bundles the replacements instead of what they replace. */
export const leavingOut: Plugin = {
  name: 'leaving-out',
  setup: (build) => {
    for (const { module, importedBy, by } of replacements) {
      const from = join(root, importedBy).split(sep).join('/')
      build.onResolve({ filter: module }, ({ path, importer }) =>
        importer.split(sep).join('/').startsWith(from)
          ? { path, namespace: 'left-out', pluginData: by }
          : undefined,
      )
    }
    build.onLoad({ filter: /^/, namespace: 'left-out' }, ({ pluginData }) => ({
      contents: pluginData as string,
      resolveDir: root,
    }))
  },
}
