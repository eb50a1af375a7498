import { realpathSync } from 'node:fs'
import { Command } from 'commander'
import { attach, ClusterError, down, list, startCluster, sweep } from './cluster.ts'
import type { ClusterStatus } from './cluster.ts'
import { progressOn } from './progress.ts'

const defaultName = 'local'

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

interface UpOptions {
  readonly name: string
  readonly controlPlane?: boolean
  readonly hostNetwork?: boolean
  readonly policies: boolean
}

const up = async ({ name, controlPlane, hostNetwork, policies }: UpOptions): Promise<void> => {
  const startedAt = Date.now()
  const cluster = await startCluster({
    name,
    node: controlPlane !== true,
    policies,
    network: hostNetwork === true ? 'host' : 'own',
    owned: false,
    progress: progressOn(process.stderr),
  })
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
  say(`Cluster "${name}" is ready after ${seconds} s at ${cluster.server}`)
  say(`  kubectl --kubeconfig ${cluster.kubeconfig} get pods --all-namespaces`)
}

interface DownOptions {
  readonly name: string
  readonly all?: boolean
}

const endOne = async (name: string): Promise<void> => {
  const found = await down(name)
  say(found ? `Cluster "${name}" is gone` : `There is no cluster "${name}"`)
}

const endAll = async (): Promise<void> => {
  const clusters = list()
  if (clusters.length === 0) say('There is no cluster')
  for (const { name, ownerPid } of clusters) {
    if (ownerPid === undefined) await endOne(name)
    else say(`Cluster "${name}" is in use by process ${ownerPid}; "down --name ${name}" ends it`)
  }
}

const line = ({ ended, name, network, node, server, state }: ClusterStatus): string => {
  const kind = node ? 'with a node' : 'control plane alone'
  const where = network === 'own' ? 'own network' : "the machine's network"
  const broken = ended.length > 0 ? ` (ended: ${ended.join(', ')})` : ''
  return `${name}: ${state}${broken}, ${kind}, ${where}, ${server ?? 'no server yet'}`
}

const status = (): void => {
  const clusters = list()
  say(clusters.length === 0 ? 'There is no cluster' : clusters.map(line).join('\n'))
}

const program = new Command('cluster').description(
  'A real Kubernetes on this machine, without a container engine: needs Linux, root and Go',
)
const nameOption = ['--name <name>', 'name of the cluster', defaultName] as const

program
  .command('up')
  .description('start a cluster; the first time, build its programs (about five minutes)')
  .option(...nameOption)
  .option('--control-plane', 'only etcd, API server, controller manager and scheduler')
  .option('--host-network', "in the machine's own network instead of a network namespace")
  .option(
    '--no-policies',
    'an API server that knows no admission policies, as before Kubernetes 1.30',
  )
  .action(up)
program
  .command('down')
  .description('end a cluster and remove all that it made')
  .option(...nameOption)
  .option('--all', 'end all clusters of this user but those in use by a running test')
  .action(({ name, all }: DownOptions) => (all === true ? endAll() : endOne(name)))
program
  .command('load <image.tar>')
  .description('make the images of an archive known to the node')
  .option(...nameOption)
  .action(async (tar: string, { name }: { name: string }) => {
    await attach(name).loadImage(realpathSync(tar))
  })
program.command('status').description('list the clusters').action(status)
program
  .command('sweep')
  .description('remove clusters of tests that were killed')
  .action(async () => {
    for (const name of await sweep()) say(`Cluster "${name}" is gone`)
  })
program
  .command('kubectl <arguments...>')
  .usage('[--name <name>] -- ARGUMENT...')
  .description('run kubectl as administrator')
  .option(...nameOption)
  .action(async (args: string[], { name }: { name: string }) => {
    process.exitCode = await attach(name).interactiveKubectl(args)
  })

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof ClusterError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
