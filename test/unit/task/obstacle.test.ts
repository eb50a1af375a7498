import { expect, test } from '@jest/globals'
import type { Event, Namespace, Pod } from '../../../api/kubernetes.ts'
import type { FollowedJob } from '../../../lifecycle/task/job.ts'
import {
  isSilent,
  isTimeToLook,
  nextLookAt,
  obstacleOf,
  obstacleTold,
  presentPod,
  steady,
} from '../../../lifecycle/task/obstacle.ts'
import { isRestricted, withRestricted } from '../../../lifecycle/task/pod-security.ts'
import { aJob, aTask } from './objects.ts'

const made = '2026-01-01T12:00:00Z'
const job: FollowedJob = {
  ...aJob(aTask()),
  metadata: { ...aJob(aTask()).metadata, creationTimestamp: made },
}
const after = (seconds: number): Date => new Date(Date.parse(made) + seconds * 1000)

const metadata = (name: string) => ({
  name,
  namespace: 'shop',
  uid: name,
  resourceVersion: '1',
  creationTimestamp: made,
})
const pod = (status: NonNullable<Pod['status']>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata('pod'),
  spec: { containers: [] },
  status,
})
const waiting = (reason: string, message = ''): Pod =>
  pod({
    phase: 'Pending',
    containerStatuses: [
      { name: 'proxy', state: { waiting: { reason: 'PodInitializing' } } },
      { name: 'main', state: { waiting: { reason, message } } },
    ],
  })
const event = (reason: string, note: string, deprecatedLastTimestamp = made): Event => ({
  ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: metadata(reason) },
  ...{ reportingController: 'job-controller', reportingInstance: '', action: '', regarding: {} },
  ...{ reason, note, type: 'Warning', deprecatedLastTimestamp },
})

test('a Job is looked at when it is 5 seconds old, then when it is twice as old, at last every 5 minutes', () => {
  const looks: number[] = []
  for (let at = after(0); looks.length < 10; at = nextLookAt(job, at)) {
    looks.push((at.getTime() - Date.parse(made)) / 1000)
  }
  expect(looks).toEqual([0, 5, 10, 20, 40, 80, 160, 320, 620, 920])
})

test.each([
  [0, false],
  [4.9, false],
  [5, true],
  [6.9, true],
  [7, false],
  [19.9, false],
  [21, true],
  [70.5, false],
  [80.5, true],
])('a Job that is %s seconds old is looked at: %s', (age, expected) => {
  expect(isTimeToLook(job, after(age))).toBe(expected)
})

test.each([
  ['ErrImagePull', 'not found', 'ImagePullBackOff', 'The image cannot be pulled: not found'],
  ['ImagePullBackOff', 'Back-off', 'ImagePullBackOff', 'The image cannot be pulled: Back-off'],
  [
    'CreateContainerConfigError',
    'secret "db" not found',
    'CreateContainerConfigError',
    'The pod does not start: CreateContainerConfigError: secret "db" not found',
  ],
])('a container that waits by %s is said', (reason, words, expected, message) => {
  expect(obstacleOf(waiting(reason, words))).toEqual({ reason: expected, message })
})

test('a container that has to begin before the task is said', () => {
  const image = { reason: 'ErrImagePull', message: 'not found' }
  const held = pod({
    phase: 'Pending',
    initContainerStatuses: [{ name: 'proxy-init', state: { waiting: image } }],
    containerStatuses: [{ name: 'main', state: { waiting: { reason: 'PodInitializing' } } }],
  })
  expect(isSilent(held)).toBe(false)
  expect(obstacleOf(held)?.reason).toBe('ImagePullBackOff')
})

test('a pod that no node can take is said', () => {
  const unscheduled = pod({
    phase: 'Pending',
    conditions: [
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' },
    ],
  })
  expect(obstacleOf(unscheduled)).toEqual({
    reason: 'Unschedulable',
    message: 'The pod does not start: Unschedulable: 0/3 nodes',
  })
})

test('events are asked for where a pod does not say why it waits, and never where it runs', () => {
  expect(isSilent(waiting('ContainerCreating'))).toBe(true)
  expect(isSilent(waiting('ErrImagePull'))).toBe(false)
  expect(isSilent(pod({ phase: 'Running' }))).toBe(false)
})

test('pods that have ended are not asked', () => {
  const present = waiting('ErrImagePull')
  expect(presentPod([pod({ phase: 'Failed' }), present])).toBe(present)
  expect(presentPod([pod({ phase: 'Failed' })])).toBeUndefined()
})

test.each([
  ['exceeded quota: compute, requested: pods=1', 'QuotaExceeded'],
  ['violates PodSecurity "restricted:latest": runAsNonRoot != true', 'PodSecurityViolated'],
  [
    'error looking up service account shop/x: serviceaccount "x" not found',
    'ServiceAccountMissing',
  ],
  ['admission webhook "policy" denied the request', 'PodRefused'],
])('a pod that is refused since it %s: %s', (words, reason) => {
  const note = `Error creating: pods "pre-check-0123456789-abcde" is forbidden: ${words}`
  const message = `The pod cannot be created: forbidden: ${words}`
  expect(obstacleTold([event('FailedCreate', note)], made)).toEqual({ reason, message })
})

test('of what was told the last counts, and nothing from before the pod', () => {
  const older = event('FailedMount', 'older', '2026-01-01T12:00:05Z')
  const newer = event('FailedMount', 'newer', '2026-01-01T12:00:10Z')
  expect(obstacleTold([older, newer], made)).toMatchObject({
    reason: 'FailedMount',
    message: 'The pod does not start: FailedMount: newer',
  })
  expect(obstacleTold([older, newer], '2026-01-01T12:00:11Z')).toBeUndefined()
})

test('the first words about an image stay, those about anything else are the newest', () => {
  const image = (message: string) => ({ reason: 'ImagePullBackOff', message })
  expect(steady(image('Back-off'), image('not found'))).toEqual(image('not found'))
  const quota = { reason: 'QuotaExceeded', message: 'used: 2' }
  expect(steady(quota, { ...quota, message: 'used: 1' })).toEqual(quota)
  expect(steady(quota, image('not found'))).toEqual(quota)
})

test('a namespace restricts when its label says so, and not when it only warns', () => {
  const labelled = (labels: Record<string, string>): Namespace => ({
    ...{ apiVersion: 'v1', kind: 'Namespace' },
    metadata: { ...metadata('shop'), labels },
  })
  const enforce = 'pod-security.kubernetes.io/enforce'
  expect(isRestricted(labelled({ [enforce]: 'restricted' }))).toBe(true)
  expect(isRestricted(labelled({ [enforce]: 'baseline' }))).toBe(false)
  expect(isRestricted(labelled({ 'pod-security.kubernetes.io/warn': 'restricted' }))).toBe(false)
  expect(isRestricted(undefined)).toBe(false)
})

test('what is null in a security context is what it lacks', () => {
  const container = {
    name: 'main',
    securityContext: { runAsNonRoot: null, capabilities: null, readOnlyRootFilesystem: true },
  }
  const { securityContext } = withRestricted(container)
  expect(securityContext).toEqual({
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  })
})

test('what has everything stays as it is', () => {
  const securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
    runAsNonRoot: true,
    runAsUser: 1000,
    seccompProfile: { type: 'Localhost', localhostProfile: 'own.json' },
  }
  const container = { name: 'main', securityContext }
  expect(withRestricted(container)).toEqual(container)
})
