/**
 * The ConfigMaps that hold the code of scripts: one of each definition with inline code, and copies for tasks that run in
 * another namespace than their definition's.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { ConfigMap } from '../../api/kubernetes.ts'
import { ownedBy, type KubeObject, type ObjectMeta } from '../../api/object.ts'
import { cutName } from '../../identity/names.ts'
import type { Create } from '../../kube/decision.ts'

/** The key under which a ConfigMap holds the code. */
export const codeKey = 'code'

/** Label of the ConfigMaps that we make. */
export const functionLabel = 'gatekept.dev/function'

/** What is kept in memory of such a ConfigMap: who owns it, and a digest of its code. */
export interface FunctionConfigMap extends KubeObject {
  readonly codeDigest?: string
}

/** A digest that tells code apart. */
export const digestOf = (code: string): string => createHash('sha256').update(code).digest('hex')

/** How a reflector of ConfigMaps has to be set up for the controllers of tasks and definitions. */
export const functionConfigMaps = {
  type: ConfigMap,
  labelSelector: functionLabel,
  project: ({ apiVersion, kind, metadata, data }: ConfigMap): FunctionConfigMap => {
    const code = data?.[codeKey]
    return {
      apiVersion,
      kind,
      metadata: leanMetadata(metadata),
      ...(code === undefined ? {} : { codeDigest: digestOf(code) }),
    }
  },
}

/** The metadata without what may be long and is never read: annotations and managed fields. */
export const leanMetadata = (
  metadata: ObjectMeta,
  annotations: Readonly<Record<string, string>> = {},
): ObjectMeta => {
  const { namespace, generation, deletionTimestamp, labels, ownerReferences } = metadata
  return {
    name: metadata.name,
    ...(namespace === undefined ? {} : { namespace }),
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    creationTimestamp: metadata.creationTimestamp,
    ...(generation === undefined ? {} : { generation }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(labels === undefined ? {} : { labels }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
    annotations,
  }
}

/**
 * The name of the ConfigMap for a definition's inline code: Keptn's, as far as the API server takes it. A name that would
 * be too long is cut and gets a hash.
 */
export const functionConfigMapName = (definition: string): string => {
  const name = `keptnfn-${definition}`
  return name.length <= 253 ? name : cutName(name, 253, definition)
}

/** Makes a ConfigMap with code; it is deleted with its owner. */
export const createFunctionConfigMap = (owner: KubeObject, name: string, code: string): Create => ({
  kind: 'create',
  type: ConfigMap,
  object: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
      labels: { [functionLabel]: 'code' },
      ownerReferences: [ownedBy(owner)],
    },
    data: { [codeKey]: code },
  } as Create['object'],
})
