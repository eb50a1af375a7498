/**
 * `npm run deploy` and `npm run undeploy`: the present build on an existing cluster.
 *
 * @module
 */
import { Command } from 'commander'
import { progressOn } from '../test/cluster/progress.ts'
import type { Progress } from '../test/cluster/progress.ts'
import { ClusterError } from '../test/cluster/run.ts'
import { deliveryTo } from './delivery.ts'
import { deployGatekept, undeployGatekept } from './install.ts'
import { connectionTo, readTarget } from './kubeconfig.ts'
import { destinationIn, programFolder, runProgram, withClusterOptions } from './options.ts'
import type { ClusterOptions } from './options.ts'

const fileOf = ({ kubeconfig }: ClusterOptions): string => {
  if (kubeconfig !== undefined) return kubeconfig
  throw new ClusterError(
    'Cannot tell which cluster is meant: say --kubeconfig FILE (the variable KUBECONFIG is never ' +
      'looked at: it may lead to production)',
  )
}

const timed = async (
  progress: Progress,
  done: string,
  work: () => Promise<void>,
): Promise<void> => {
  const start = performance.now()
  try {
    await work()
  } finally {
    progress.end()
  }
  progress.note(`${done} after ${((performance.now() - start) / 1000).toFixed(1)} s`)
}

const up = async (options: ClusterOptions): Promise<void> => {
  const kubeconfig = fileOf(options)
  const target = readTarget(kubeconfig)
  const progress = progressOn(process.stderr)
  const { stage, note } = progress
  const deliver = await deliveryTo(destinationIn(options), { binaries: programFolder(), note })
  note(`Installing Gatekept on ${target.shown}`)
  await timed(progress, 'Gatekept is ready', async () =>
    deployGatekept({ connection: await connectionTo(target), kubeconfig, deliver, stage }),
  )
}

const down = async (options: ClusterOptions): Promise<void> => {
  const kubeconfig = fileOf(options)
  const target = readTarget(kubeconfig)
  const progress = progressOn(process.stderr)
  const { stage, note } = progress
  note(`Removing Gatekept from ${target.shown}`)
  await timed(progress, 'Gatekept is gone', async () =>
    undeployGatekept({ connection: await connectionTo(target), kubeconfig, stage }),
  )
}

const program = new Command('deploy').description('Install the present build on a cluster')
withClusterOptions(
  program.command('up').description('build, bring the images there, install'),
).action(up)
withClusterOptions(program.command('down').description('remove it, and leave nothing')).action(down)

await runProgram(program)
