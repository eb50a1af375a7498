/**
 * Our kinds on a cluster of a test.
 *
 * @module
 */
import { join } from 'node:path'
import type { Cluster } from './cluster/cluster.ts'
import { eventually } from './eventually.ts'

/** The folder of their definitions. */
export const crds = join(import.meta.dirname, '../manifests/crds')

/** Resolves once all kinds that were defined are served. */
export const kindsAreServed = async ({ kubectl }: Pick<Cluster, 'kubectl'>): Promise<void> => {
  // kubectl gives up on a definition that was made so lately that it has no conditions yet.
  await eventually(() =>
    kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']),
  )
}

/** Defines our kinds; resolves once they are served. */
export const applyCrds = async (cluster: Pick<Cluster, 'kubectl'>): Promise<void> => {
  await cluster.kubectl(['apply', '--server-side', '--force-conflicts', `--kustomize=${crds}`])
  await kindsAreServed(cluster)
}
