/**
 * A cluster on which the webhook runs as installed, and the controller as a process of the test's own that can be killed.
 *
 * @module
 */
import { expect } from '@jest/globals'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { KeptnAppVersion, KeptnWorkloadVersion } from '../../api/index.ts'
import { Deployment } from '../../api/kubernetes.ts'
import { eventually } from '../eventually.ts'
import { startHistory, type History } from './crash-history.ts'
import type { CrashPoint } from './crash-points.ts'
import { install, type Installation } from './installation.ts'
import type { Orders } from './killable-controller.ts'
import { namespaceYaml, workloadYaml } from './workloads.ts'

/** A controller process that runs. */
export interface Running {
  readonly kill: () => Promise<void>
  /** Resolves when it has killed itself, with the point; `undefined`: it was killed from outside. */
  readonly death: Promise<CrashPoint | undefined>
}

/** The cluster, and what starts controllers for it. */
export interface CrashWorld extends Installation {
  readonly history: History
  /** Unless told otherwise it comes back under the name of the one before, as a container does in its pod. */
  readonly start: (orders: Partial<Orders>) => Promise<Running>
  /** Applies Deployments of this version, each with a task before and one after, and what they need. */
  readonly deploy: (deployments: readonly NamedDeployment[], version: string) => Promise<void>
}

/** Where a Deployment is and what it is called. */
export interface NamedDeployment {
  readonly namespace: string
  readonly name: string
}

const program = join(import.meta.dirname, 'killable-controller.ts')

/** An image that runs tasks, as it was delivered to the cluster. */
const imageIn = async (name: string, { cluster }: Installation): Promise<string> => {
  const variable = `{.env[?(@.name=="${name}")].value}`
  const path = `jsonpath={.spec.template.spec.containers[0]${variable.slice(1)}`
  return cluster.kubectl(['get', 'deploy/lifecycle-operator', '-n', 'keptn-system', '-o', path])
}

/** Takes away the controller that was installed; the webhook and its certificates stay. */
const stopInstalledController = async ({ cluster }: Installation): Promise<void> => {
  const own = ['-n', 'keptn-system'] as const
  await cluster.kubectl(['scale', 'deploy/lifecycle-operator', '--replicas=0', ...own])
  await cluster.kubectl([
    ...['wait', 'pods', '--for=delete', '--selector=control-plane=lifecycle-operator'],
    ...['--timeout=60s', ...own],
  ])
}

const lastDeath = (file: string, count: number): CrashPoint | undefined => {
  if (!existsSync(file)) return undefined
  const line = readFileSync(file, 'utf8').split('\n')[count]
  return line === undefined || line === '' ? undefined : (JSON.parse(line) as CrashPoint)
}

/** Starts everything. */
export const startCrashWorld = async (name: string): Promise<CrashWorld> => {
  const installation = await install(name)
  const { connection, folder, apply } = installation
  const { ca, server } = connection
  // As the installed one: nobody else may write what it notes.
  const token = await installation.cluster.kubectl([
    ...['create', 'token', 'lifecycle-operator', '--duration=6h', '-n', 'keptn-system'],
  ])
  const denoImage = await imageIn('FUNCTION_RUNNER_IMAGE', installation)
  const pythonImage = await imageIn('PYTHON_RUNNER_IMAGE', installation)
  const history = await startHistory(installation.client)
  await stopInstalledController(installation)

  const output = openSync(join(folder, 'controllers.log'), 'a')
  const deaths = join(folder, 'deaths')
  const living = new Set<ChildProcess>()
  let deathCount = 0
  let holder = 'controller'
  const spawn = (): { readonly child: ChildProcess; readonly loaded: Promise<unknown> } => {
    const child = fork(program, { execArgv: [], stdio: ['ignore', output, output, 'ipc'] })
    living.add(child)
    child.once('exit', () => living.delete(child))
    return { child, loaded: once(child, 'message') }
  }
  // The next one is loaded while this one runs, so that a death costs no time.
  let standby = spawn()

  const awaitDeath = async (child: ChildProcess): Promise<CrashPoint | undefined> => {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    if (signal !== 'SIGKILL') throw new Error(`The controller ended by itself, with code ${code}`)
    const point = lastDeath(deaths, deathCount)
    if (point !== undefined) deathCount++
    return point
  }

  return {
    ...installation,
    history,
    start: async (orders) => {
      const { child, loaded } = standby
      standby = spawn()
      await loaded
      const death = awaitDeath(child)
      holder = orders.holder ?? holder
      const complete: Orders = {
        ...{ server: server.href, ca, token: token.trim(), denoImage, pythonImage, deaths },
        ...{ dieAt: [], ...orders, holder },
      }
      child.send(complete)
      return {
        death,
        kill: async () => {
          child.kill('SIGKILL')
          await death
        },
      }
    },
    deploy: async (deployments, version) => {
      const namespaces = [...new Set(deployments.map(({ namespace }) => namespace))]
      await apply(namespaces.map((name) => namespaceYaml(name)).join('---\n'))
      await apply(deployments.map((one) => workloadYaml({ ...one, version })).join('---\n'))
    },
    down: async () => {
      for (const child of living) child.kill('SIGKILL')
      history.stop()
      await installation.down()
    },
  }
}

/** What each Deployment has come to: its versions' states, and how many pods of the newest version are there. */
const statesOf = async (
  { client }: Installation,
  deployments: readonly NamedDeployment[],
): Promise<Readonly<Record<string, string>>> => {
  const [appVersions, workloadVersions, all] = await Promise.all([
    client.list(KeptnAppVersion),
    client.list(KeptnWorkloadVersion),
    client.list(Deployment),
  ])
  const stateOf = ({ namespace, name }: NamedDeployment): string => {
    const versions = [
      ...appVersions.items.filter(({ spec }) => spec.appName === name),
      ...workloadVersions.items.filter(({ spec }) => spec.app === name),
    ].filter(({ metadata }) => metadata.namespace === namespace)
    const states = versions.map(
      ({ kind, spec, status }) => `${kind} ${spec.version} ${status?.status ?? ''}`,
    )
    const deployment = all.items.find(
      ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
    )
    const { updatedReplicas, availableReplicas } = (deployment?.status ?? {}) as {
      readonly updatedReplicas?: number
      readonly availableReplicas?: number
    }
    return [...states.sort(), `pods ${updatedReplicas ?? 0}/${availableReplicas ?? 0}`].join(', ')
  }
  return Object.fromEntries(
    deployments.map((one) => [`${one.namespace}/${one.name}`, stateOf(one)]),
  )
}

/** What `statesOf` answers once all versions are completed, the newest last. */
const completed = (
  deployments: readonly NamedDeployment[],
  versions: readonly string[],
): Readonly<Record<string, string>> => {
  const state = [
    ...versions.map((version) => `KeptnAppVersion ${version} Succeeded`),
    ...versions.map((version) => `KeptnWorkloadVersion ${version} Succeeded`),
    'pods 1/1',
  ].join(', ')
  return Object.fromEntries(
    deployments.map(({ namespace, name }) => [`${namespace}/${name}`, state]),
  )
}

/** Waits until all are completed. */
export const awaitCompleted = async (
  world: Installation,
  deployments: readonly NamedDeployment[],
  versions: readonly string[],
): Promise<void> => {
  const wanted = completed(deployments, versions)
  await eventually(async () => expect(await statesOf(world, deployments)).toEqual(wanted), {
    timeoutMs: 120_000,
    everyMs: 250,
  })
}
