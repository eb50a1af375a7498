/**
 * What the pods of a failed Job tell about why it failed.
 *
 * @module
 */
import type { ContainerStatus, Pod } from '../../api/kubernetes.ts'
import { maskedTail, tail, type Traces } from './masking.ts'
import { objectIn } from './result.ts'

/** Why a task failed, besides what its Job says. */
export interface Ending {
  readonly exitCode?: number
  /** What ended the last try, where it was not the task itself: `OOMKilled`. */
  readonly cause?: string
  /** The end of what the task printed or left as its result; or why it could not start. Holds no secret. */
  readonly output?: string
  /** What it has left as its result, if that is a JSON object: anything else may be the end of a log. Holds no secret. */
  readonly result?: object
}

/** What of a task's output may be shown: all but the traces of its secrets, or nothing, and why. */
export type Masking =
  | { readonly kind: 'traces'; readonly traces: Traces }
  | { readonly kind: 'withheld'; readonly because: string }

/** As much of a log as the kubelet keeps. */
const maxOutputBytes = 2048
const maxOutputLines = 80
/** What masking has added to the message of a container is more than it had. */
const maxMessageBytes = 16_384

/** How the pods of a Job are read. */
export interface Reading {
  /** The task's own container: others that were put beside it say nothing about the task. */
  readonly container: string
  readonly masking: Masking
}

/** Reads the last try of a task from the pods of its Job. */
export const endingOf = (pods: readonly Pod[], { container, masking }: Reading): Ending => {
  const instantOf = (pod: Pod): string => lastInstant(pod, container)
  const [last] = [...pods].sort((a, b) => instantOf(b).localeCompare(instantOf(a)))
  if (last === undefined) return {}
  const { exitCode, cause, message } = tellingOf(last, container)
  return {
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(cause === undefined ? {} : { cause }),
    ...(message === undefined ? {} : outputOf(message, masking)),
  }
}

const outputOf = (message: string, masking: Masking): Ending => {
  if (masking.kind === 'withheld') return { output: `Output withheld: ${masking.because}` }
  const masked = maskedTail(message.trim(), masking.traces, maxMessageBytes)
  const output = lastLines(masked)
  const result = objectIn(masked)
  return {
    ...(output === '' ? {} : { output }),
    ...(result === undefined ? {} : { result }),
  }
}

/** A task that has left a result may have written more than a log is given. */
const lastLines = (text: string): string =>
  tail(text.split('\n').slice(-maxOutputLines).join('\n'), maxOutputBytes)

const statusOf = ({ status }: Pod, container: string): ContainerStatus | undefined =>
  status?.containerStatuses?.find(({ name }) => name === container)

/** Tries follow each other: the one that ended or began last is the last. */
const lastInstant = (pod: Pod, container: string): string =>
  statusOf(pod, container)?.state?.terminated?.finishedAt ?? pod.metadata.creationTimestamp

interface Telling extends Pick<Ending, 'exitCode' | 'cause'> {
  readonly message?: string
}

type Terminated = NonNullable<NonNullable<ContainerStatus['state']>['terminated']>

/** What the kubelet says of a container that ended by itself, well or not. */
const ownDoings: readonly string[] = ['Completed', 'Error']

const endOf = ({ exitCode, reason = 'Error', message }: Terminated): Telling => ({
  exitCode,
  ...(ownDoings.includes(reason) ? {} : { cause: reason }),
  ...(message === undefined ? {} : { message }),
})

const tellingOf = (pod: Pod, container: string): Telling => {
  const { terminated, waiting } = statusOf(pod, container)?.state ?? {}
  if (terminated !== undefined) return endOf(terminated)
  if (waiting !== undefined) return sentence(waiting.reason, waiting.message)
  const unscheduled = pod.status?.conditions?.find(
    ({ type, status }) => type === 'PodScheduled' && status === 'False',
  )
  return unscheduled === undefined ? {} : sentence(unscheduled.reason, unscheduled.message)
}

const sentence = (reason: string | undefined, message: string | undefined): Telling => {
  const text = [reason, message].filter((part) => part !== undefined && part !== '').join(': ')
  return text === '' ? {} : { message: text }
}
