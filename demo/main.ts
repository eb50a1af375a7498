/**
 * `npm run demo`: a cluster with Gatekept on it, and a release that can be watched on its way through the phases.
 *
 * @module
 */
import { createInterface } from 'node:readline/promises'
import { Command } from 'commander'
import { deliveryTo, toContainerd } from '../deploy/delivery.ts'
import type { Deliver } from '../deploy/delivery.ts'
import { deployGatekept } from '../deploy/install.ts'
import { connectionTo, readTarget } from '../deploy/kubeconfig.ts'
import { objectsOf } from '../deploy/objects.ts'
import { destinationIn, programFolder, runProgram, withClusterOptions } from '../deploy/options.ts'
import type { ClusterOptions } from '../deploy/options.ts'
import type { Connection } from '../kube/connection.ts'
import { attach, down, list, startCluster } from '../test/cluster/cluster.ts'
import type { Cluster } from '../test/cluster/cluster.ts'
import { progressOn } from '../test/cluster/progress.ts'
import type { Progress } from '../test/cluster/progress.ts'
import { ClusterError } from '../test/cluster/run.ts'
import { exampleNamespace, releaseExample } from './example.ts'
import { viewOf } from './rows.ts'
import { screenOn } from './screen.ts'
import { simplenodeImage, startPrometheus, startSlack } from './stand-ins.ts'
import { startWatching } from './watch.ts'

const clusterName = 'demo'

/** The cluster to show it on. */
interface Stage {
  readonly connection: Connection
  readonly kubeconfig: string
  readonly deliver: Deliver
  /** How to run the demo there again. */
  readonly again: string
  /** How to run kubectl there. */
  readonly kubectl: string
  /** How to stop it all. */
  readonly stop: string
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const ownCluster = async (progress: Progress): Promise<Cluster> => {
  const found = list().find(({ name }) => name === clusterName)
  if (found?.state === 'ready') return attach(clusterName)
  if (found !== undefined) {
    progress.stage('Removing what is left of the last demo cluster')
    await down(clusterName)
  }
  return startCluster({ name: clusterName, node: true, owned: false, progress })
}

const ownStage = async (progress: Progress): Promise<Stage> => {
  const cluster = await ownCluster(progress)
  const { ca, cert, key } = cluster.credentials
  return {
    connection: { server: new URL(cluster.server), ca, cert, key },
    kubeconfig: cluster.kubeconfig,
    deliver: toContainerd(cluster.containerdSocket ?? '', `${programFolder()}/ctr`),
    again: 'npm run demo',
    kubectl: `npm run cluster -- kubectl --name ${clusterName} --`,
    stop: `npm run cluster -- down --name ${clusterName}`,
  }
}

const askLeave = async (shown: string, { yes }: ClusterOptions): Promise<void> => {
  say(`This installs Gatekept, a Prometheus and an example on ${shown}`)
  if (yes === true) return
  if (!process.stdin.isTTY) {
    throw new ClusterError('Cannot ask whether that is meant: there is no terminal; say --yes')
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const answer = await terminal.question('Is that the cluster you mean? [y/N] ')
    if (!/^y(es)?$/i.test(answer.trim())) throw new ClusterError('Nothing was done')
  } finally {
    terminal.close()
  }
}

const existingStage = async (
  file: string,
  options: ClusterOptions,
  progress: Progress,
): Promise<Stage> => {
  const target = readTarget(file)
  const deliver = await deliveryTo(destinationIn(options), {
    binaries: programFolder(),
    note: progress.note,
  })
  await askLeave(target.shown, options)
  return {
    connection: await connectionTo(target),
    kubeconfig: file,
    deliver,
    again: `npm run demo -- ${process.argv.slice(2).join(' ')}`,
    kubectl: `kubectl --kubeconfig ${file}`,
    stop:
      `kubectl --kubeconfig ${file} delete namespace ${exampleNamespace} monitoring slack && ` +
      `npm run undeploy -- --kubeconfig ${file}`,
  }
}

const stageFor = (options: ClusterOptions, progress: Progress): Promise<Stage> => {
  const { kubeconfig, containerd, kind, registry } = options
  if (kubeconfig !== undefined) return existingStage(kubeconfig, options, progress)
  if ((containerd ?? kind ?? registry) !== undefined) {
    throw new ClusterError('Cannot tell which cluster is meant: say --kubeconfig FILE as well')
  }
  return ownStage(progress)
}

/** Resolves when the newest release has ended, with how it did. */
const watchRelease = (
  { connection, deliver }: Stage,
  hook: string,
): Promise<'passed' | 'failed'> => {
  const screen = screenOn(process.stdout)
  const { promise, resolve, reject } = Promise.withResolvers<'passed' | 'failed'>()
  let old: ReadonlySet<string> = new Set()
  let due: NodeJS.Timeout | undefined
  const draw = (): void => {
    due = undefined
    const view = viewOf(watching.world(), old)
    screen.show(view)
    if (view.outcome !== undefined) resolve(view.outcome)
  }
  // Many changes come at once; drawing each would flicker.
  const watching = startWatching({
    connection,
    namespace: exampleNamespace,
    slackNamespace: 'slack',
    onChange: () => (due ??= setTimeout(draw, 100)),
  })
  const tick = process.stdout.isTTY ? setInterval(draw, 1000) : undefined
  const interrupted = (): void => reject(new Interrupted())
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)

  const release = async (): Promise<void> => {
    const objects = objectsOf(connection)
    try {
      await watching.synced
      old = new Set(watching.world().appVersions.map(({ metadata }) => metadata.uid))
      await releaseExample(objects, { image: await deliver(await simplenodeImage()), hook })
    } finally {
      await objects.close()
    }
  }
  release().catch(reject)
  return promise.finally(async () => {
    clearInterval(tick)
    clearTimeout(due)
    screen.end()
    await watching.close()
  })
}

class Interrupted extends Error {}

const goodbye = ({ again, kubectl, stop }: Stage): void => {
  const inExample = `-n ${exampleNamespace}`
  say(`
Look at what there is now:
  ${kubectl} get keptnappversions,keptnworkloadversions,keptntasks,keptnevaluations ${inExample}
  ${kubectl} get events ${inExample} --sort-by .metadata.creationTimestamp
Release another version, and watch:
  ${again}
Change what is checked: manifests/examples/simplenode-dev/ (evaluationTarget: '>9' makes the next release fail)
Stop it all:
  ${stop}`)
}

const outcomes = {
  passed: 'Completed: the new version runs, and its checks have passed.',
  failed: 'Checks have failed. Pods that were held stay so; whatever ran before goes on running.',
} as const

const demo = async (options: ClusterOptions): Promise<void> => {
  const progress = progressOn(process.stderr)
  const stage = await stageFor(options, progress)
  let hook = ''
  try {
    await deployGatekept({ ...stage, stage: progress.stage })
    progress.stage('Starting Prometheus and a stand-in for Slack')
    const objects = objectsOf(stage.connection)
    await startPrometheus({ ...stage, objects })
    hook = await startSlack({ ...stage, objects })
    await objects.close()
  } finally {
    progress.end()
  }
  say('')
  try {
    const outcome = await watchRelease(stage, hook)
    say(`\n${outcomes[outcome]}`)
    process.exitCode = outcome === 'passed' ? 0 : 1
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    process.exitCode = 130
  }
  goodbye(stage)
}

const program = withClusterOptions(
  new Command('demo').description(
    'Shows a release on its way through its checks, on a cluster of its own unless told otherwise',
  ),
).action(demo)

await runProgram(program)
