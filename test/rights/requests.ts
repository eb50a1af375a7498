/**
 * What our service accounts asked of the API server of one cluster, once each: its audit log, reduced to what rights are
 * about.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { appendFile, mkdir, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemNamespace } from '../../deploy/chart.ts'

/** The variable that names the folder in which clusters keep what was asked of them. Without it they keep nothing. */
export const rightsFolder = 'GATEKEPT_RIGHTS'

/** A request as RBAC sees it. */
export interface Request {
  /** Name of the service account in our namespace. */
  readonly account: string
  readonly verb: string
  readonly group: string
  /** Plural, with the subresource: `pods/status`. */
  readonly resource: string
  /** Empty for all namespaces, and for what is in none. */
  readonly namespace: string
  /** Empty for all; also in namespaces of tests, where no right is limited to a name. */
  readonly name: string
  /** Whether the API server said that the account may not. */
  readonly refused: boolean
}

/** The requests of one cluster. */
export interface ClusterRequests {
  readonly cluster: string
  readonly requests: readonly Request[]
}

interface AuditEvent {
  readonly verb: string
  readonly user: { readonly username: string }
  readonly objectRef?: {
    readonly apiGroup?: string
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly annotations?: Readonly<Record<string, string>>
}

/** Where rights are limited to names, and objects are few. */
const named: readonly string[] = ['', systemNamespace, 'kube-system', 'gatekept-verify']

const ours = `system:serviceaccount:${systemNamespace}:`

/** What is no resource, the version of the API server for one, everybody may ask for. */
const isOurs = ({ user, objectRef }: AuditEvent): boolean =>
  user.username.startsWith(ours) && objectRef?.resource !== undefined

const toRequest = ({ verb, user, objectRef = {}, annotations }: AuditEvent): Request => {
  const { apiGroup = '', resource = '', subresource, namespace = '', name = '' } = objectRef
  return {
    account: user.username.slice(ours.length),
    verb,
    group: apiGroup,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name: named.includes(namespace) ? name : '',
    // A 403 may also come from admission, which is not about rights.
    refused: annotations?.['authorization.k8s.io/decision'] === 'forbid',
  }
}

/** The different requests of our accounts in an audit log. */
export const readRequests = async (auditLog: string): Promise<readonly Request[]> => {
  const found = new Map<string, Request>()
  const file = await open(auditLog)
  for await (const line of file.readLines()) {
    // Most lines are other people's; the last one may still be on its way.
    if (!line.includes(ours) || !line.endsWith('}')) continue
    const event = JSON.parse(line) as AuditEvent
    if (!isOurs(event)) continue
    const request = toRequest(event)
    found.set(JSON.stringify(request), request)
  }
  return [...found.values()]
}

/** Keeps the requests of a cluster, if there were any, in a file of this folder, with those of one before that had its name. */
export const keepRequests = async (
  folder: string,
  cluster: string,
  auditLog: string,
): Promise<void> => {
  // A cluster that has gone already, or never came to a log.
  if (!existsSync(auditLog)) return
  const requests = await readRequests(auditLog)
  if (requests.length === 0) return
  const lines = requests.map((request) => `${JSON.stringify(request)}\n`).sort()
  await mkdir(folder, { recursive: true })
  await appendFile(join(folder, `${cluster}.jsonl`), lines.join(''))
}

/** What `keepRequests` has kept. */
export const keptRequests = async (folder: string): Promise<readonly ClusterRequests[]> => {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.jsonl')).sort()
  return Promise.all(
    files.map(async (file) => {
      const lines = (await readFile(join(folder, file), 'utf8')).split('\n').slice(0, -1)
      const requests = lines.map((line) => JSON.parse(line) as Request)
      return { cluster: file.replace(/\.jsonl$/, ''), requests }
    }),
  )
}
