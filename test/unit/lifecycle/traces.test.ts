/** Which spans statuses and tasks name, while somebody is told of spans. */
import { describe, expect, test } from '@jest/globals'
import {
  appDeploy,
  phaseSpan,
  readTraceparent,
  traceOfAppVersion,
  traceOfWorkloadVersion,
  traceparentOf,
  versionSpan,
} from '../../../identity/trace.ts'
import type { KeptnTask } from '../../../api/index.ts'
import type { Decision } from '../../../kube/decision.ts'
import { decide as decideApp } from '../../../lifecycle/app-version/decide.ts'
import type { AppVersionSeen } from '../../../lifecycle/app-version/seen.ts'
import { defaultConfig } from '../../../lifecycle/config.ts'
import { decide } from '../../../lifecycle/workload-version/decide.ts'
import { begin, type WorkloadVersionSeen } from '../../../lifecycle/workload-version/seen.ts'
import { appVersion, taskDefinition, workloadVersion } from './objects.ts'

const now = new Date('2026-03-01T12:00:30Z')
const cause = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const left = cause.replace(/01$/, '00')
const definitions = {
  tasks: new Map([['smoke', taskDefinition('smoke')]]),
  evaluations: new Map(),
}
const common = {
  ...{ now, definitions, children: { tasks: [], evaluations: [] } },
  actionsGuard: 'present' as const,
  config: { ...defaultConfig, traced: true },
}

const workload = (more: Partial<WorkloadVersionSeen> = {}): WorkloadVersionSeen => ({
  ...common,
  version: workloadVersion({ preDeploymentTasks: ['smoke'] }),
  standing: 'wanted',
  isHeld: true,
  app: undefined,
  appVersion: appVersion(),
  owner: { kind: 'other', name: 'Job' },
  ...more,
})

const app = (more: Partial<AppVersionSeen> = {}): AppVersionSeen => {
  const { spec, status, ...version } = appVersion({ preDeploymentStatus: 'Pending' })
  return {
    ...common,
    version: {
      ...version,
      spec: { ...spec, preDeploymentTasks: ['smoke'], onFailure: ['smoke'] },
      ...(status === undefined ? {} : { status }),
    },
    ...{ place: 'present', hasLeft: false, workloads: [], isDeserted: false, promotes: false },
    ...more,
  }
}

const spansIn = ({ status }: Decision): Readonly<Record<string, object>> | undefined =>
  (status as { readonly phaseTraceIDs?: Readonly<Record<string, object>> } | undefined)
    ?.phaseTraceIDs

const contextIn = ({ actions }: Decision): KeptnTask['spec']['context'] => {
  const made = actions.flatMap((action) => (action.kind === 'create' ? [action.object] : []))
  return (made[0] as KeptnTask | undefined)?.spec.context
}

const parentOf = traceOfAppVersion(appVersion(), 1)

describe('a workload version', () => {
  test('names the span of its app that it is below, and those of its phases', () => {
    const decision = decide(workload())
    const trace = traceOfWorkloadVersion(workloadVersion(), spansIn(decision), 1)
    const above = phaseSpan(parentOf, appDeploy)
    expect(spansIn(decision)).toEqual({
      AppDeploy: { traceparent: traceparentOf(above) },
      WorkloadPreDeployTasks: {
        traceparent: traceparentOf(phaseSpan(trace, 'WorkloadPreDeployTasks')),
      },
    })
    expect(trace).toMatchObject({ traceId: parentOf.traceId, parent: above })
  })

  test('gives its tasks the span of their phase, whatever others call so', () => {
    const metadata = { stage: 'dev', traceparent: 'mine' }
    const version = workloadVersion({ preDeploymentTasks: ['smoke'], metadata })
    const decision = decide(workload({ version }))
    expect(contextIn(decision)?.metadata).toEqual({
      stage: 'dev',
      ...spansIn(decision)?.['WorkloadPreDeployTasks'],
    })
  })

  test('has other spans in another attempt, below what its app has come to', () => {
    const version = workloadVersion({ preDeploymentTasks: ['smoke'] })
    const failed = { ...begin, status: 'Failed' as const, attempt: 2 }
    const begun = { version: '1', revision: 1 }
    const { spec, ...ofApp } = appVersion({ attempt: 3 })
    const decision = decide(
      workload({
        version: { ...version, status: { ...failed, begunFor: begun } },
        appVersion: { ...ofApp, spec: { ...spec, revision: 2 } },
      }),
    )
    const above = phaseSpan(traceOfAppVersion(appVersion(), 3), appDeploy)
    const carriers = spansIn(decision)
    expect(carriers?.[appDeploy]).toEqual({ traceparent: traceparentOf(above) })
    expect(carriers?.['WorkloadPreDeployTasks']).toEqual({
      traceparent: traceparentOf(
        phaseSpan(traceOfWorkloadVersion(version, carriers, 3), 'WorkloadPreDeployTasks'),
      ),
    })
  })

  test('names none while nobody is told of spans', () => {
    const decision = decide(workload({ config: defaultConfig }))
    expect(decision.actions).toHaveLength(1)
    expect(spansIn(decision)).toBeUndefined()
    expect(contextIn(decision)).not.toHaveProperty('metadata')
  })
})

describe('an app version', () => {
  const causedBy = (carrier: Readonly<Record<string, string>>): AppVersionSeen => {
    const seen = app()
    const { version } = seen
    return { ...seen, version: { ...version, spec: { ...version.spec, traceId: carrier } } }
  }

  test('begins a trace of its own', () => {
    const decision = decideApp(app())
    const span = traceparentOf(phaseSpan(parentOf, 'AppPreDeployTasks'))
    expect(spansIn(decision)).toEqual({ AppPreDeployTasks: { traceparent: span } })
    expect(contextIn(decision)?.metadata).toEqual({ traceparent: span })
  })

  test('goes on with the trace of what caused it, and hands on what came with it', () => {
    const decision = decideApp(causedBy({ traceparent: cause, tracestate: 'vendor=1' }))
    const carrier = spansIn(decision)?.['AppPreDeployTasks'] as Record<string, string>
    expect(readTraceparent(carrier['traceparent'])).toMatchObject({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      isSampled: true,
    })
    expect(carrier['tracestate']).toBe('vendor=1')
  })

  test('is left out where that was left out', () => {
    const carrier = spansIn(decideApp(causedBy({ traceparent: left })))?.['AppPreDeployTasks']
    expect(carrier).toMatchObject({ traceparent: expect.stringMatching(/-00$/) })
  })

  test('begins one of its own where it can not be told what caused it', () => {
    const decision = decideApp(causedBy({ traceparent: 'x', tracestate: 'vendor=1' }))
    expect(spansIn(decision)).toEqual(spansIn(decideApp(app())))
  })

  test('names the span of its on-failure tasks', () => {
    const { version } = app()
    const status = {
      ...version.status,
      preDeploymentStatus: 'Failed',
      status: 'Failed',
      attempt: 2,
    } as NonNullable<typeof version.status>
    const decision = decideApp(app({ version: { ...version, status } }))
    const span = traceparentOf(phaseSpan(traceOfAppVersion(version, 2), 'OnFailureTasks'))
    expect(spansIn(decision)).toEqual({ OnFailureTasks: { traceparent: span } })
    expect(contextIn(decision)?.metadata).toEqual({ traceparent: span })
  })
})

test('the span of a version is none of its phases', () => {
  expect(versionSpan(parentOf)).not.toEqual(phaseSpan(parentOf, appDeploy))
})
