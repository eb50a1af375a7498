import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Network } from './network.ts'
import { run } from './run.ts'

/** Who may call the API server, and as whom. */
const clients = {
  admin: '/O=system:masters/CN=admin',
  controllers: '/CN=system:kube-controller-manager',
  scheduler: '/CN=system:kube-scheduler',
  proxy: '/CN=system:kube-proxy',
  node: '/O=system:nodes/CN=system:node:node-1',
  'front-proxy': '/CN=front-proxy-client',
} as const

/** A client's certificate, its key, and the authority to check the server by, as PEM text. */
export interface Credentials {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

const request = (folder: string, name: string, subject: string): [string, ...string[]] => [
  ...(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] as const),
  ...['-nodes', '-days', '365', '-subj', subject],
  ...['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)],
]

const signed = (folder: string): string[] => [
  ...['-CA', join(folder, 'ca.crt'), '-CAkey', join(folder, 'ca.key')],
  ...['-addext', 'basicConstraints=critical,CA:FALSE'],
  ...['-addext', 'extendedKeyUsage=clientAuth,serverAuth'],
]

const serverNames = (network: Network): string =>
  [
    ...['127.0.0.1', network.nodeAddress, network.podGateway, network.apiServiceAddress].map(
      (address) => `IP:${address}`,
    ),
    ...['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost', 'node-1'].map(
      (name) => `DNS:${name}`,
    ),
  ].join(',')

/** Writes the cluster's authority, a certificate for its servers, one for each client, and the token key. */
export const writeCertificates = async (folder: string, network: Network): Promise<void> => {
  await run([...request(folder, 'ca', '/CN=gatekept-cluster')])
  const server = [
    ...request(folder, 'server', '/CN=kube-apiserver'),
    ...signed(folder),
    ...['-addext', `subjectAltName=${serverNames(network)}`],
  ] as const
  await Promise.all([
    run([...server] as [string, ...string[]]),
    ...Object.entries(clients).map(([name, subject]) =>
      run([...request(folder, name, subject), ...signed(folder)]),
    ),
    writeTokenKey(folder),
  ])
}

/** The key that signs the tokens of service accounts. Kubernetes reads no PKCS#8 here. */
const writeTokenKey = async (folder: string): Promise<void> => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = privateKey.export({ type: 'sec1', format: 'pem' })
  await writeFile(join(folder, 'tokens.key'), key, { mode: 0o600 })
  await writeFile(join(folder, 'tokens.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
}

/** Reads what one of the clients needs to call the API server. */
export const readCredentials = (folder: string, client: keyof typeof clients): Credentials => ({
  ca: readFileSync(join(folder, 'ca.crt'), 'utf8'),
  cert: readFileSync(join(folder, `${client}.crt`), 'utf8'),
  key: readFileSync(join(folder, `${client}.key`), 'utf8'),
})

/** The kubeconfig of a client, complete in one file. */
export const kubeconfigOf = (server: string, name: string, credentials: Credentials): object => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const context = `gatekept-${name}`
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: context,
        cluster: { server, 'certificate-authority-data': base64(credentials.ca) },
      },
    ],
    users: [
      {
        name: context,
        user: {
          'client-certificate-data': base64(credentials.cert),
          'client-key-data': base64(credentials.key),
        },
      },
    ],
    contexts: [{ name: context, context: { cluster: context, user: context } }],
    'current-context': context,
  }
}
