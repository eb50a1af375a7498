/**
 * A transition as a CloudEvent: the same words as its Kubernetes Event, for whoever listens outside of the cluster.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 *
 * @module
 */
import type { CloudEventV1 } from 'cloudevents'
import type { ObjectReference, Transition } from '../../kube/decision.ts'
import { idOf, source, subjectOf } from './identity.ts'

/** Which words it has: those of the guides, or those that Keptn really sent (spec/lifecycle 8.2). */
export type CloudEventNames = 'seeds' | 'keptn'

/** What it says, as JSON. Receivers of Keptn's events read the first four. */
export interface CloudEventData {
  readonly message: string
  readonly type: Transition['severity']
  readonly version: string
  readonly resource: {
    readonly group: string
    readonly kind: string
    readonly version: string
    readonly name: string
    readonly namespace: string
  }
  /** What it is about besides: application, workload, phase, check. */
  readonly attributes?: Readonly<Record<string, string>>
}

const resourceOf = ({
  apiVersion,
  kind,
  name,
  namespace = '',
}: ObjectReference): CloudEventData['resource'] => {
  const [group = '', version = ''] = apiVersion.includes('/')
    ? apiVersion.split('/')
    : ['', apiVersion]
  return { group, kind, version, name, namespace }
}

const keptnStates: Readonly<Record<NonNullable<Transition['phase']>['state'], string>> = {
  Started: 'Started',
  Succeeded: 'Finished',
  Errored: 'Failed',
}

const lastWord = /^(.*[a-z0-9])([A-Z][a-z]+)$/

/** Phase and state as Keptn writes them, blanks and all: `Workload Deployment.Failed`, `Create Task.Failed`. */
const keptnTypeOf = ({ phase, reason }: Transition): string => {
  if (phase !== undefined) return `${phase.longName}.${keptnStates[phase.state]}`
  const [, words = reason, state = ''] = lastWord.exec(reason) ?? []
  const spaced = words.replace(/(?<=[a-z0-9])(?=[A-Z])/g, ' ')
  return state === '' ? spaced : `${spaced}.${state}`
}

/** The event that tells a transition. Pure: the same transition makes the same event. */
export const cloudEventOf = (
  transition: Transition,
  names: CloudEventNames,
): CloudEventV1<CloudEventData> => {
  const { subject, attributes = {}, reason, severity, message, at } = transition
  const resource = resourceOf(subject)
  const data = { message, type: severity, version: attributes['version'] ?? '', resource }
  const common = {
    specversion: '1.0',
    id: idOf(transition.id),
    source,
    time: at.toISOString(),
    datacontenttype: 'application/json',
  }
  if (names === 'keptn') return { ...common, type: keptnTypeOf(transition), data }
  return {
    ...common,
    type: `sh.keptn.${reason}`,
    subject: subjectOf(subject),
    data: { ...data, attributes },
  }
}
