/**
 * The controller of Argo Rollouts, built from its Go module, and run beside a cluster.
 *
 * Its module can't be required by another: it replaces the Kubernetes libraries that it needs, and only a main module
 * may do that. So it is built as what it is, in the folder where Go keeps it, and changes nothing there.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cluster } from '../cluster/cluster.ts'
import { withLock } from '../cluster/lock.ts'
import { requireGo, requireSpace, thisMachine } from '../cluster/machine.ts'
import { ClusterError, run } from '../cluster/run.ts'

/** The newest one that Go 1.26.8 builds. */
const version = 'v1.10.1'
/** As in a go.sum: another content under this version is refused. */
const sum = 'h1:6oyVPGiHHxu3ixkT6mngemh88HLPDoTX1IwO6KNR1Y4='
const goVersion = '1.26.8'
const buildGigabytes = 3

/** What is known of Argo Rollouts on this machine. */
export interface ArgoRollouts {
  readonly program: string
  /** The folder of its CustomResourceDefinitions, as kustomize reads it. */
  readonly definitions: string
}

const sources = join(import.meta.dirname, '..', 'cluster', 'containerd')

const download = async (go: string): Promise<string> => {
  const module = `github.com/argoproj/argo-rollouts@${version}`
  // Outside of any module: what it is downloaded for must not matter.
  const answer = await run([go, 'mod', 'download', '-json', module], {
    cwd: '/',
    timeoutMs: 600_000,
  })
  const { Dir: folder, Sum: found } = JSON.parse(answer) as { Dir: string; Sum: string }
  if (found !== sum) throw new ClusterError(`Cannot build ${module}: it is ${found}, not ${sum}`)
  return folder
}

/** Gives the controller and its definitions, building it the first time: about two minutes, with its libraries. */
export const ensureArgoRollouts = async (): Promise<ArgoRollouts> => {
  const machine = thisMachine()
  const go = await requireGo(machine, sources, goVersion)
  const module = await download(go)
  const folder = join(machine.cacheFolder, '..', 'argo-rollouts')
  const program = join(folder, `rollouts-controller-${version}-${machine.arch}`)
  const build = async (): Promise<void> => {
    if (existsSync(program)) return
    await mkdir(folder, { recursive: true })
    await requireSpace(folder, buildGigabytes)
    const unfinished = `${program}.unfinished`
    const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off' }
    await run([go, 'build', '-ldflags=-s -w', '-o', unfinished, './cmd/rollouts-controller'], {
      cwd: module,
      env,
      timeoutMs: 3_600_000,
    })
    await rename(unfinished, program)
  }
  await withLock(program, build)
  return { program, definitions: join(module, 'manifests', 'crds') }
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
