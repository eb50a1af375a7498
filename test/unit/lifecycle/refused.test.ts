/** What a version says when the API server does not take one of its children. */
import { expect, test } from '@jest/globals'
import { ApiError } from '../../../kube/errors.ts'
import { createTask } from '../../../lifecycle/children.ts'
import { sayRefused } from '../../../lifecycle/held-up.ts'
import { workloadPhases } from '../../../lifecycle/phases.ts'
import type { VersionStatus } from '../../../lifecycle/version-status.ts'
import { parent, taskDefinition, workloadVersion } from './objects.ts'

const action = createTask(parent(), workloadPhases[0], taskDefinition('smoke'))
const error = new ApiError('exceeded quota', { status: 403, reason: 'Forbidden' })
const status: VersionStatus = { status: 'Progressing' }
const telling = {
  subject: workloadVersion(),
  version: '2',
  eventNames: 'seeds' as const,
  now: new Date('2026-03-01T12:00:30Z'),
}

test('a refused task is said on the version, in the words of the API server, and told once', () => {
  const first = sayRefused(status, { action, error, telling })
  expect(first.status?.conditions).toMatchObject([
    { type: 'Stalled', status: 'True', reason: 'KeptnTaskRefused' },
  ])
  expect(first.status?.conditions?.[0]?.message).toContain('exceeded quota')
  expect(first.transitions).toMatchObject([{ reason: 'CreateTask', severity: 'Warning' }])
  expect(first.actions).toEqual([])

  const again = sayRefused(first.status ?? status, { action, error, telling })
  expect(again.transitions).toEqual([])
})

test("a refused task has Keptn's word where these are asked for", () => {
  const keptn = { ...telling, eventNames: 'keptn' as const }
  const { transitions } = sayRefused(status, { action, error, telling: keptn })
  expect(transitions.map(({ reason }) => reason)).toEqual(['CreateTaskFailed'])
})
