/**
 * A transition in the words of CDEvents, for tools that know those of others (version 0.4.1).
 * https://github.com/cdevents/spec/blob/v0.4.1/spec.md
 * https://github.com/cdevents/spec/blob/v0.4.1/cloudevents-binding.md
 *
 * | What                                            | Is                                                         |
 * | ----------------------------------------------- | ---------------------------------------------------------- |
 * | an app version begins                           | `pipelinerun.started`                                      |
 * | it is completed, fails, or is given up          | `pipelinerun.finished`: `success`, `failure`, `error`      |
 * | a phase of checks begins                        | `taskrun.started`                                          |
 * | it is passed, or fails                          | `taskrun.finished`: `success`, `failure`                   |
 * | the first version of a workload is rolled out   | `service.deployed`                                         |
 * | a later one is rolled out                       | `service.upgraded`                                         |
 *
 * There is no word for anything else: it is not told in this format.
 *
 * @module
 */
import type { CloudEventV1 } from 'cloudevents'
import type { Transition } from '../../kube/decision.ts'
import { idOf, source, subjectOf } from './identity.ts'

const specVersion = '0.4.1'
/** Of each of these events: they have versions of their own. */
const eventVersion = '0.2.0'

/** What it says, as JSON. */
export interface CdEvent {
  readonly context: {
    readonly version: string
    readonly id: string
    readonly source: string
    readonly type: string
    readonly timestamp: string
  }
  readonly subject: {
    readonly id: string
    readonly source: string
    readonly type: string
    readonly content: Readonly<Record<string, unknown>>
  }
  /** What is told besides: the sentence, and what it is about, by Keptn's keys. */
  readonly customData: Readonly<Record<string, unknown>>
  readonly customDataContentType: string
}

/** What happened to what. */
interface Fact {
  readonly subject: 'pipelineRun' | 'taskRun' | 'service'
  readonly predicate: 'started' | 'finished' | 'deployed' | 'upgraded'
  readonly id: string
  readonly content: CdEvent['subject']['content']
}

type Outcome = 'success' | 'failure' | 'error'

const outcomes: Readonly<
  Record<Exclude<NonNullable<Transition['phase']>['state'], 'Started'>, Outcome>
> = { Succeeded: 'success', Errored: 'failure' }

const outcomeOf = (outcome: Outcome, message: string): Fact['content'] => ({
  outcome,
  ...(outcome === 'success' ? {} : { errors: message }),
})

/** Where the API server has the object: the only address that it is known by. */
const pathOf = ({ subject }: Transition): string => {
  const { apiVersion, kind, namespace = '', name } = subject
  return `/apis/${apiVersion}/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`
}

const isOfApp = ({ subject }: Transition): boolean => subject.kind === 'KeptnAppVersion'

/** Of an app version as a whole: the run of a pipeline. */
const runOf = (transition: Transition, state: 'started' | Outcome): Fact => {
  const { subject, attributes = {}, message } = transition
  const run = { pipelineName: attributes['appName'] ?? subject.name, url: pathOf(transition) }
  return {
    subject: 'pipelineRun',
    predicate: state === 'started' ? 'started' : 'finished',
    id: subjectOf(subject),
    content: state === 'started' ? run : { ...run, ...outcomeOf(state, message) },
  }
}

/** Of one of its phases of checks, or of those of a workload. */
const checksOf = (transition: Transition, phase: NonNullable<Transition['phase']>): Fact => {
  const id = subjectOf(transition.subject)
  const task = {
    taskName: phase.longName,
    url: pathOf(transition),
    ...(isOfApp(transition) ? { pipelineRun: { id } } : {}),
  }
  return {
    subject: 'taskRun',
    predicate: phase.state === 'Started' ? 'started' : 'finished',
    id: `${id}/${phase.name}`,
    content:
      phase.state === 'Started'
        ? task
        : { ...task, ...outcomeOf(outcomes[phase.state], transition.message) },
  }
}

/** https://github.com/package-url/purl-spec: of no kind of package in particular. */
const artifactOf = (namespace: string, name: string, version: string): string =>
  `pkg:generic/${[namespace, name].map(encodeURIComponent).join('/')}@${encodeURIComponent(version)}`

const deploymentOf = ({ subject, attributes = {} }: Transition): Fact => {
  const { namespace = '', name } = subject
  const { workloadName = name, workloadVersion = '', previousVersion } = attributes
  return {
    subject: 'service',
    predicate: previousVersion === undefined ? 'deployed' : 'upgraded',
    id: `${namespace}/${workloadName}`,
    content: {
      environment: { id: namespace },
      artifactId: artifactOf(namespace, workloadName, workloadVersion),
    },
  }
}

/** Whether it ends though none of its phases has failed. */
const isGivenUp = ({ reason, attributes = {} }: Transition): boolean =>
  reason === 'Deprecated' || (reason === 'ActionCarriedOut' && attributes['action'] === 'abort')

const factsOfApp = (transition: Transition): readonly Fact[] => {
  const { phase } = transition
  if (phase === undefined) return isGivenUp(transition) ? [runOf(transition, 'error')] : []
  const { name, state } = phase
  if (name === 'Completed') return [runOf(transition, 'success')]
  const checks = name === 'AppDeploy' ? [] : [checksOf(transition, phase)]
  if (state === 'Started') {
    return name === 'AppPreDeployTasks' ? [runOf(transition, 'started'), ...checks] : checks
  }
  // On-failure tasks decide nothing.
  const isEnd = state === 'Errored' && name !== 'OnFailureTasks'
  return isEnd ? [...checks, runOf(transition, 'failure')] : checks
}

const factsOfWorkload = (transition: Transition): readonly Fact[] => {
  const { phase } = transition
  if (phase === undefined || phase.name === 'Completed') return []
  if (phase.name !== 'WorkloadDeploy') return [checksOf(transition, phase)]
  return phase.state === 'Succeeded' ? [deploymentOf(transition)] : []
}

const factsOf = (transition: Transition): readonly Fact[] => {
  if (isOfApp(transition)) return factsOfApp(transition)
  return transition.subject.kind === 'KeptnWorkloadVersion' ? factsOfWorkload(transition) : []
}

/** Whether there are words for it. */
export const isCdEvent = (transition: Transition): boolean => factsOf(transition).length > 0

/** The events that tell a transition, in their order. Pure: the same transition makes the same events. */
export const cdEventsOf = (transition: Transition): readonly CloudEventV1<CdEvent>[] => {
  const { at, message, attributes = {} } = transition
  const timestamp = at.toISOString()
  return factsOf(transition).map(({ subject, predicate, id: subjectId, content }) => {
    const type = `dev.cdevents.${subject.toLowerCase()}.${predicate}.${eventVersion}`
    const id = idOf(`${transition.id}/${type}`)
    return {
      ...{ specversion: '1.0', id, source, type, subject: subjectId, time: timestamp },
      datacontenttype: 'application/cdevents+json',
      data: {
        context: { version: specVersion, id, source, type, timestamp },
        subject: { id: subjectId, source, type: subject, content },
        customData: { message, attributes },
        customDataContentType: 'application/json',
      },
    }
  })
}
