/**
 * What whoever takes Gatekept away must be allowed to do, asked before anything is changed.
 *
 * @module
 */
import type { Client } from '../../kube/client.ts'
import { obstaclesIn } from './obstacles.ts'

/** One thing that somebody may do or not. */
interface Right {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
}

const needed = (namespace: string): readonly Right[] => {
  const core = (resource: string, verb: string): Right => ({ verb, group: '', resource })
  return [
    ...obstaclesIn(namespace).flatMap(({ type, name, namespace: inside }) =>
      ['get', 'delete'].map((verb) => ({
        verb,
        ...{ group: type.group, resource: type.plural, name },
        ...(inside === undefined ? {} : { namespace: inside }),
      })),
    ),
    core('pods', 'list'),
    core('pods', 'patch'),
    { ...core('pods', 'patch'), subresource: 'status' },
    core('namespaces', 'list'),
    core('namespaces', 'patch'),
  ]
}

/** The rights that are missing, in words such as `patch pods/status in all namespaces`. */
export const missingRights = async (
  client: Client,
  namespace: string,
): Promise<readonly string[]> => {
  const answers = await Promise.all(
    needed(namespace).map(async (right) => ((await isAllowed(client, right)) ? [] : [told(right)])),
  )
  return answers.flat()
}

const isAllowed = async (client: Client, right: Right): Promise<boolean> => {
  const kind = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
  }
  const { status } = (await client.raw({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: { ...kind, spec: { resourceAttributes: right } },
  })) as { readonly status?: { readonly allowed?: boolean } }
  return status?.allowed === true
}

const told = ({ verb, group, resource, subresource, namespace, name }: Right): string => {
  const what = [subresource === undefined ? resource : `${resource}/${subresource}`, group]
    .filter((part) => part !== '')
    .join('.')
  if (namespace !== undefined) return `${verb} ${what} "${name ?? ''}" in namespace ${namespace}`
  if (name !== undefined) return `${verb} ${what} "${name}"`
  return resource === 'pods' ? `${verb} ${what} in all namespaces` : `${verb} ${what}`
}
