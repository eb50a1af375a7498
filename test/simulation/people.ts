/**
 * People: they deploy, scale, write apps, change their minds, and delete what is ours. What they do comes one after the
 * other, as a script.
 *
 * @module
 */
import {
  KeptnApp,
  KeptnAppContext,
  KeptnAppVersion,
  KeptnConfig,
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  KeptnTask,
  KeptnTaskDefinition,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../../api/index.ts'
import { ConfigMap, Job, Namespace, Pod } from '../../api/kubernetes.ts'
import type { KubeObject, New, ResourceType } from '../../api/object.ts'
import type { Admission } from './admission.ts'
import type { ApiServer, Stored } from './api-server.ts'
import type { Fleet } from './fleet.ts'
import {
  dependencies,
  failureTasks,
  noChecks,
  shop,
  someChecks,
  taskNames,
  type Intent,
  type Workload,
} from './intent.ts'
import { home } from './process.ts'
import type { Random } from './random.ts'
import type { Step } from './step.ts'

const optIn = 'keptn.sh/lifecycle-toolkit'
const released = 'gatekept.dev/released'
const gated = 'keptn.sh/gated'

/** What people work with. */
export interface Tools {
  readonly server: ApiServer
  readonly random: Random
  readonly admission: Admission
  readonly fleet: Fleet
  readonly intent: Intent
}

/** Prepares the cluster, and answers what people are going to do, in their order. */
export const createPeople = ({ server, random, admission, fleet, intent }: Tools): Step[] => {
  const { appMode, workloads } = intent
  const appChecks = appMode === 'written' ? someChecks(random) : noChecks
  const app = { namespace: shop, name: 'app' }
  let appVersion = 0

  const create = (type: ResourceType<KubeObject>, object: object): Stored =>
    server.create(type, object as New<KubeObject>)

  const define = (): void => {
    const namespace = random.pick([shop, home])
    const spec = { retries: 1, timeout: '5m', ttlSecondsAfterFinished: random.pick([0, 300]) }
    const definition = (at: { readonly name: string; readonly namespace: string }, runs: object) =>
      create(KeptnTaskDefinition, {
        apiVersion: 'lifecycle.keptn.sh/v1',
        kind: KeptnTaskDefinition.kind,
        metadata: at,
        spec: { ...spec, ...runs },
      })
    for (const name of [...taskNames, ...failureTasks]) {
      const runs =
        name === 'smoke'
          ? { container: { name: 'smoke', image: 'smoke:1' } }
          : { deno: { functionRef: { name: 'code' } } }
      const dependsOn = name in dependencies ? { dependsOn: dependencies[name] } : {}
      definition({ name, namespace }, { ...runs, ...dependsOn })
    }
    definition({ name: 'code', namespace: home }, { deno: { inline: { code: 'console.log(1)' } } })
    create(KeptnEvaluationDefinition, {
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: KeptnEvaluationDefinition.kind,
      metadata: { name: 'capacity', namespace },
      spec: {
        retries: 2,
        retryInterval: '5s',
        objectives: [{ keptnMetricRef: { name: 'cpus', namespace: '' }, evaluationTarget: '>4' }],
      },
    })
  }

  const measure = (): void => {
    const value = intent.isLucky || random.chance(0.6) ? '5' : '3'
    const lastUpdated = new Date().toISOString()
    server.update(
      KeptnMetric,
      { namespace: shop, name: 'cpus' },
      { status: { value, rawValue: value, lastUpdated } },
    )
  }

  /** What is to run when checks of an app fail. */
  const prepareForFailure = (): void => {
    const names = appMode === 'single' ? workloads.map(({ name }) => name) : [app.name]
    for (const name of new Set(names.filter((each) => each !== undefined))) {
      if (random.chance(0.4)) continue
      create(KeptnAppContext, {
        apiVersion: 'lifecycle.keptn.sh/v1',
        kind: KeptnAppContext.kind,
        metadata: { name, namespace: shop },
        spec: {
          onFailure: failureTasks,
          ...(appMode === 'written' ? {} : { postDeploymentTasks: random.some(['smoke']) }),
        },
      })
    }
  }

  const prepare = (): void => {
    const isManaged = random.chance(0.85)
    create(Namespace, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: shop, labels: isManaged ? { [optIn]: 'enabled' } : {} },
    })
    create(KeptnMetric, {
      apiVersion: 'metrics.keptn.sh/v1',
      kind: KeptnMetric.kind,
      metadata: { name: 'cpus', namespace: shop },
      spec: { provider: { name: 'prometheus' }, query: 'cpus', fetchIntervalSeconds: 86_400 },
    })
    measure()
    prepareForFailure()
    create(KeptnConfig, {
      apiVersion: 'options.keptn.sh/v1alpha1',
      kind: KeptnConfig.kind,
      metadata: { name: 'keptn', namespace: home },
      spec: {
        blockDeployment: intent.blocking,
        observabilityTimeout: '1h',
        keptnAppCreationRequestTimeoutSeconds: 10,
        discoveryQuietSeconds: random.between(0, 3),
        versionHistoryLimit: random.pick([2, 10]),
        eventNames: 'seeds',
      },
    })
  }

  /** Checks are listed with each version anew, where the pods say which version they are. */
  const checkWell = ({ name, version, isSaidByPods }: Workload): void => {
    const key = `${name ?? ''}/${version}`
    if (intent.checks.has(key)) return
    const [, said] = [...intent.checks].find(([other]) => other.startsWith(`${name ?? ''}/`)) ?? []
    const fresh = name === undefined ? noChecks : someChecks(random)
    intent.checks.set(key, isSaidByPods ? fresh : (said ?? fresh))
  }

  const deploy = (workload: Workload, isNewVersion: boolean): void => {
    if (isNewVersion || workload.version === 0) workload.version += 1
    checkWell(workload)
    fleet.deploy(workload)
  }

  const writeApp = (): void => {
    appVersion += 1
    const spec = {
      version: `${appVersion}.0`,
      workloads: workloads
        .filter(({ name }) => name !== undefined)
        .map(({ name, version }) => ({ name, version: String(version) })),
      preDeploymentTasks: appChecks.preTasks,
      preDeploymentEvaluations: appChecks.preEvaluations,
      postDeploymentTasks: appChecks.postTasks,
      postDeploymentEvaluations: appChecks.postEvaluations,
    }
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' }
    if (server.get(KeptnApp, app) === undefined) {
      const head = { apiVersion: 'lifecycle.keptn.sh/v1', kind: KeptnApp.kind }
      create(KeptnApp, { ...head, metadata: { ...app, annotations }, spec })
    } else server.update(KeptnApp, app, { metadata: { annotations }, spec })
  }

  const raiseRevision = (): void => {
    const revision = Number(server.get(KeptnApp, app)?.spec?.['revision'] ?? 0) + 1
    if (revision > 1) server.update(KeptnApp, app, { spec: { revision } })
  }

  /** Deletes an object, in the background or in the foreground. */
  const deleteOne = (type: ResourceType<KubeObject>): void => {
    const isThere = ({ metadata }: Stored): boolean =>
      metadata.namespace === shop && metadata.deletionTimestamp === undefined
    const present = server.list(type).filter(isThere)
    if (present.length === 0) return
    const { metadata } = random.pick(present)
    intent.deleted.add(metadata.uid)
    if (random.chance(0.5)) server.markDeleted(type, metadata)
    else server.remove(type, metadata)
  }

  const loseJob = (): void => {
    const known = new Set(server.list(KeptnTask).map((task) => task.status?.['jobUid']))
    const job = server.list(Job).find(({ metadata }) => known.has(metadata.uid))
    if (job === undefined) return
    intent.deleted.add(job.metadata.uid)
    server.remove(Job, job.metadata)
  }

  /** As `kubectl replace --force` does; the name is free once the old one is gone. */
  const replaceApp = (): void => {
    const old = server.get(KeptnApp, app)
    if (old !== undefined) {
      intent.deleted.add(old.metadata.uid)
      server.remove(KeptnApp, app)
    }
    writeApp()
  }

  const restartPod = (): void => {
    const pods = server.list(Pod)
    if (pods.length > 0) server.remove(Pod, random.pick(pods).metadata)
  }

  const stripLabel = (): void => {
    const held = server.list(Pod).filter(({ metadata }) => metadata.labels?.[gated] === 'true')
    if (held.length === 0) return
    const { metadata } = random.pick(held)
    intent.stripped.add(metadata.uid)
    server.update(Pod, metadata, { metadata: { labels: { [gated]: null } } })
  }

  const loseList = (): void => {
    admission.changeNamespace({ metadata: { annotations: { [released]: null } } })
  }

  const leave = (): void => {
    admission.changeNamespace(
      random.chance(0.5)
        ? { metadata: { annotations: { [optIn]: 'disabled' } } }
        : { metadata: { labels: { [optIn]: null }, annotations: { [optIn]: null } } },
    )
  }

  const join = (): void => {
    admission.changeNamespace(
      random.chance(0.5)
        ? { metadata: { annotations: { [optIn]: 'enabled' } } }
        : { metadata: { labels: { [optIn]: 'enabled' }, annotations: { [optIn]: null } } },
    )
  }

  const ours = [KeptnApp, KeptnWorkload, KeptnWorkloadVersion] as const
  const rarelyTouched = [KeptnAppVersion, KeptnTask, KeptnEvaluation, ConfigMap] as const

  const scale = (): void => {
    fleet.scale(random.pick(workloads), random.between(1, 3))
  }

  const meddle = (): Step =>
    random.pick<Step>([
      restartPod,
      restartPod,
      scale,
      scale,
      loseJob,
      measure,
      raiseRevision,
      stripLabel,
      loseList,
      () => {
        deleteOne(random.pick(ours))
      },
      () => {
        deleteOne(random.pick(rarelyTouched))
      },
      () => {
        fleet.prune(random.pick(workloads))
      },
      ...(random.chance(0.3) ? [leave, join] : []),
    ])

  const rollOut = (): Step => {
    const workload = random.pick(workloads)
    return random.pick<Step>([
      () => {
        deploy(workload, true)
      },
      () => {
        deploy(workload, false)
      },
      () => {
        fleet.rollBack(workload)
      },
    ])
  }

  const change = (): readonly Step[] => {
    const written = appMode === 'written' ? [random.pick([writeApp, writeApp, replaceApp])] : []
    const other = meddle()
    // To leave and come back is a matter of seconds where a namespace is applied anew.
    if (random.chance(0.08)) return [leave, rollOut(), join, other]
    return random.chance(0.5) ? [other] : [rollOut(), ...written, other]
  }

  prepare()
  const opening: readonly Step[] = [
    ...workloads.map((workload) => () => {
      deploy(workload, true)
    }),
    ...(appMode === 'written' ? [writeApp] : []),
    ...Array.from({ length: random.between(0, 4) }, change).flat(),
    ...(random.chance(0.85) ? [join] : []),
  ]
  const place = random.chance(0.7) ? 0 : random.between(0, opening.length)
  return [...opening.slice(0, place), define, ...opening.slice(place)]
}
