/**
 * The chart in `manifests/chart`, rendered and installed by Helm.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { findCommand, thisMachine } from '../test/cluster/machine.ts'
import { ClusterError, run } from '../test/cluster/run.ts'
import { parseManifests, type Manifest } from './manifests.ts'
import { programFolder } from './options.ts'
import { root } from './paths.ts'

/** The namespace that Gatekept runs in. */
export const systemNamespace = 'keptn-system'

const release = 'gatekept'
const chart = join(root, 'manifests', 'chart')

/** Values of the chart that differ from its own. */
export type Values = Readonly<Record<string, unknown>>

/** The Helm of this machine: the one that clusters of `npm run cluster` come with, or the user's. Throws if there is none. */
export const findHelm = (): string => {
  const { path } = thisMachine()
  const found = [join(programFolder(), 'helm'), findCommand('helm', path)].find(
    (program) => program !== undefined && existsSync(program),
  )
  if (found !== undefined) return found
  throw new ClusterError(
    'Cannot find Helm: install it (https://helm.sh/docs/intro/install/), or run "npm run cluster -- build", which makes one',
  )
}

const helm = (args: readonly string[], values: Values): Promise<string> =>
  run([findHelm(), ...args, '--values=-'], { input: JSON.stringify(values), timeoutMs: 600_000 })

/** The objects of the chart, as for a cluster of which nothing is known but its version, if that is said. */
export const renderChart = async (
  values: Values = {},
  version?: string,
): Promise<readonly Manifest[]> => {
  const where = [`--namespace=${systemNamespace}`]
  if (version !== undefined) where.push(`--kube-version=${version}`)
  return parseManifests(await helm(['template', release, chart, ...where], values), chart)
}

/** Installs the chart, or brings what is installed up to it. Resolves when all objects are written. */
export const installChart = async (kubeconfig: string, values: Values): Promise<void> => {
  const where = [`--kubeconfig=${kubeconfig}`, `--namespace=${systemNamespace}`]
  await helm(['upgrade', release, chart, '--install', '--create-namespace', ...where], values)
}

/** Takes away what the chart installed, but the kinds and the namespace; lets no pods go. */
export const uninstallChart = async (kubeconfig: string): Promise<void> => {
  const where = [`--kubeconfig=${kubeconfig}`, `--namespace=${systemNamespace}`]
  await run(
    [findHelm(), 'uninstall', release, '--ignore-not-found', '--wait', '--no-hooks', ...where],
    {
      timeoutMs: 600_000,
    },
  )
}
