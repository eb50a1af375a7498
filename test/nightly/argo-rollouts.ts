/**
 * The controller of Argo Rollouts, built from its Go module, and run beside a cluster.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from '../cluster/cluster.ts'
import { ensureProgram } from './built-program.ts'

/** What is known of Argo Rollouts on this machine. */
export interface ArgoRollouts {
  readonly program: string
  /** The folder of its CustomResourceDefinitions, as kustomize reads it. */
  readonly definitions: string
}

/** Gives the controller and its definitions, building it the first time. */
export const ensureArgoRollouts = async (): Promise<ArgoRollouts> => {
  const { program, sources } = await ensureProgram({
    module: 'github.com/argoproj/argo-rollouts',
    // The newest one that Go 1.26.8 builds.
    version: 'v1.10.1',
    sum: 'h1:6oyVPGiHHxu3ixkT6mngemh88HLPDoTX1IwO6KNR1Y4=',
    main: './cmd/rollouts-controller',
    name: 'argo-rollouts',
  })
  return { program, definitions: join(sources, 'manifests', 'crds') }
}

/** Runs the controller in the cluster's network, as its administrator; returns what ends it. It ends with this process, too. */
export const runArgoRollouts = (
  { program }: ArgoRollouts,
  cluster: Cluster,
): (() => Promise<void>) => {
  const log = openSync(join(cluster.logs, 'argo-rollouts.log'), 'a')
  const inNetwork = cluster.netns === undefined ? [] : [`--net=/run/netns/${cluster.netns}`]
  const controller = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'nsenter', ...inNetwork],
      // Alone as it is, it need not wait for a lease.
      ...[program, `--kubeconfig=${cluster.kubeconfig}`, '--leader-elect=false'],
    ],
    { stdio: ['ignore', log, log] },
  )
  closeSync(log)
  const ended = once(controller, 'close')
  return async () => {
    controller.kill('SIGKILL')
    await ended
  }
}
