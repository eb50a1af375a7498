import { expect, test } from '@jest/globals'
import type { ContainerStatus, Pod } from '../../../api/kubernetes.ts'
import { endingOf, type Reading } from '../../../lifecycle/task/ending.ts'
import { tracesOf } from '../../../lifecycle/task/masking.ts'

const container = 'c'
const shown: Reading = { container, masking: { kind: 'traces', traces: tracesOf([]) } }
const without = (...secrets: readonly string[]): Reading => ({
  container,
  masking: { kind: 'traces', traces: tracesOf(secrets) },
})

const aPod = (created: string, state?: ContainerStatus['state'], conditions?: object[]): Pod =>
  ({
    metadata: { creationTimestamp: `2026-01-01T${created}Z` },
    status: {
      ...(state === undefined ? {} : { containerStatuses: [{ name: container, state }] }),
      ...(conditions === undefined ? {} : { conditions }),
    },
  }) as unknown as Pod

const terminated = (exitCode: number, finished: string, message?: string) => ({
  terminated: {
    exitCode,
    finishedAt: `2026-01-01T${finished}Z`,
    ...(message === undefined ? {} : { message }),
  },
})

test('tells the exit code and the output of the try that ended last', () => {
  const pods = [
    aPod('10:00:20', terminated(2, '10:00:30', 'second\n')),
    aPod('10:00:00', terminated(1, '10:00:10', 'first')),
  ]
  expect(endingOf(pods, shown)).toEqual({ exitCode: 2, output: 'second' })
  expect(endingOf(pods.toReversed(), shown)).toEqual({ exitCode: 2, output: 'second' })
})

test('tells of the task alone, whatever was put beside it', () => {
  const alone = aPod('10:00:00', terminated(3, '10:00:10', 'own'))
  const { terminated: other } = terminated(0, '10:00:20', 'of the proxy')
  const proxy = { name: 'a-proxy', state: { terminated: other } }
  const beside = {
    ...alone,
    status: { containerStatuses: [proxy, ...(alone.status?.containerStatuses ?? [])] },
  } as Pod
  expect(endingOf([beside], shown)).toEqual({ exitCode: 3, output: 'own' })
  const later = aPod('10:00:05', terminated(4, '10:00:15', 'last'))
  expect(endingOf([beside, later], shown)).toEqual({ exitCode: 4, output: 'last' })
})

test.each([
  ['OOMKilled', { exitCode: 1, cause: 'OOMKilled', output: 'last' }],
  ['Error', { exitCode: 1, output: 'last' }],
])('tells of a container that ended by %s', (reason, ending) => {
  const { terminated: how } = terminated(1, '10:00:10', 'last')
  expect(endingOf([aPod('10:00:00', { terminated: { ...how, reason } })], shown)).toEqual(ending)
})

test('tells why a pod could not start', () => {
  const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image' }
  expect(endingOf([aPod('10:00:00', { waiting })], shown)).toEqual({
    output: 'ImagePullBackOff: Back-off pulling image',
  })
})

test('tells why a pod was not scheduled', () => {
  const scheduled = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message: 'no',
  }
  expect(endingOf([aPod('10:00:00', undefined, [scheduled])], shown)).toEqual({
    output: 'Unschedulable: no',
  })
})

test('masks secrets, and shows nothing where they cannot be told', () => {
  const pods = [aPod('10:00:00', terminated(1, '10:00:10', 'token hunter2'))]
  expect(endingOf(pods, without('hunter2'))).toEqual({
    exitCode: 1,
    output: 'token ***',
  })
  const hidden = endingOf(pods, {
    container,
    masking: { kind: 'withheld', because: 'nobody knows' },
  })
  expect(hidden.exitCode).toBe(1)
  expect(hidden.output).toBe('Output withheld: nobody knows')
})

test.each([
  ['no pods', []],
  ['a pod without a status', [aPod('10:00:00')]],
  ['a pod that runs', [aPod('10:00:00', { running: {} })]],
])('tells nothing from %s', (_, pods) => {
  expect(endingOf(pods, shown)).toEqual({})
})

test('takes an object that a failed task has left as its result, masked like all of it', () => {
  const text = '{"failed":["hunter2"],"where":"cart"}'
  const pods = [aPod('10:00:00', terminated(1, '10:00:10', text))]
  const { result } = endingOf(pods, without('hunter2'))
  expect(result).toEqual({ failed: ['***'], where: 'cart' })
  const log = [aPod('10:00:00', terminated(1, '10:00:10', '42'))]
  expect(endingOf(log, shown)).toEqual({ exitCode: 1, output: '42' })
})

test('shows at most 80 lines and 2,048 bytes of what a failed task has left', () => {
  const lines = Array.from({ length: 100 }, (_, index) => String(index))
  const short = [aPod('10:00:00', terminated(1, '10:00:10', lines.join('\n')))]
  expect(endingOf(short, shown).output?.split('\n')).toEqual(lines.slice(20))
  const long = [aPod('10:00:00', terminated(1, '10:00:10', 'x'.repeat(4_000)))]
  expect(endingOf(long, shown).output).toBe('x'.repeat(2_048))
})
