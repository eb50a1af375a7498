import { describe, expect, test } from '@jest/globals'
import fc from '../../../fast-check.ts'
import {
  answer,
  decide,
  isAnnounced,
  needsNamespace,
  type Asked,
  type Judged,
} from '../../../../gate/permit/decide.ts'
import { judge } from '../../../../gate/opening/decide.ts'
import { permitScheduler } from '../../../../identity/keys.ts'
import type { HeldPod } from '../../../../gate/held-pods.ts'
import { anonymousPod, managed, namespace, ownerOf, pod, version } from '../objects.ts'

const now = new Date('2026-03-01T12:00:10Z')
const waiting = (metadata: Partial<HeldPod['metadata']> = {}): HeldPod =>
  pod({ metadata, spec: { schedulerName: permitScheduler, schedulingGates: [] } })
const letGo = waiting({ labels: {} })
const judged = (more: Partial<Judged> = {}): Judged => ({
  now,
  pod: waiting(),
  namespace: managed(),
  versions: [],
  hasLeft: false,
  ...more,
})
const passed = { versions: [version({ verdict: 'True' })] }
const asked = (more: Partial<Judged> = {}, about: Partial<Asked> = {}): Asked => ({
  uid: 'web-1-uid',
  isSynced: true,
  judged: judged(more),
  ...about,
})

type Case = readonly [sentence: string, asked: Asked]

const passing: readonly Case[] = [
  ['a pod of a version whose checks have passed', asked(passed)],
  ['the same without the label', asked({ ...passed, pod: letGo })],
  ['a pod of a released revision', asked({ namespace: managed('v1 web-uid') })],
  [
    'a pod of a namespace that was read live and is not managed',
    asked({ namespace: namespace({ labels: {} }), hasLeft: true }),
  ],
]

const holding: readonly Case[] = [
  ['a pod that nobody has recorded', asked()],
  ['a pod of a version under way', asked({ versions: [version({})] })],
  ['a pod of a version whose checks failed', asked({ versions: [version({ verdict: 'False' })] })],
  ['a pod of an unknown verdict', asked({ versions: [version({ verdict: 'Unknown' })] })],
  [
    'a pod whose version is being deleted',
    asked({
      versions: [
        version({ verdict: 'True', metadata: { deletionTimestamp: '2026-03-01T12:00:09Z' } }),
      ],
    }),
  ],
  ['a pod that the stores do not have', asked(passed, { judged: undefined })],
  ['a pod that the stores have under another UID', asked(passed, { uid: 'another-uid' })],
  ['every pod before the stores are complete', asked(passed, { isSynced: false })],
  ['a pod of a namespace that was not seen', asked({ namespace: undefined })],
  [
    'a pod of a namespace that is not managed as far as a store tells',
    asked({ namespace: namespace({ labels: {} }) }),
  ],
  [
    'a pod that says that it was let go',
    asked({
      pod: waiting({ labels: {}, annotations: { 'keptn.sh/scheduling-gate-removed': 'true' } }),
    }),
  ],
  [
    'a pod of a Job in a managed namespace',
    asked({ ...passed, pod: waiting({ ownerReferences: [ownerOf('Job', 'web', 'batch/v1')] }) }),
  ],
  ['a pod that names no workload, whose owner was not read', asked({ pod: anonymousPod })],
]

describe('a scheduler is told', () => {
  test.each(passing)('that it may go: %s', (_, about) => {
    expect(answer(about)).toEqual({ passes: true })
  })

  test.each(holding)('to hold: %s', (_, about) => {
    const given = answer(about)
    expect(given.passes).toBe(false)
    expect(given).toMatchObject({ message: expect.stringMatching(/^held by Gatekept: ./) })
  })

  test('the words in which the opening of gates explains itself', () => {
    const seen = judged({ versions: [version({ verdict: 'False' })] })
    const { message } = judge({ ...seen, leads: true, crowd: 0, owner: 'not-read' })
    expect(answer({ uid: 'web-1-uid', isSynced: true, judged: seen })).toEqual({
      passes: false,
      message: `held by Gatekept: ${message}`,
    })
  })

  test('never that a pod may go of which no verdict, no list and no namespace says so', () => {
    const texts = fc.dictionary(
      fc.constantFrom('keptn.sh/gated', 'keptn.sh/scheduling-gate-removed', 'gatekept.dev/nudged'),
      fc.constantFrom('true', 'false', ''),
    )
    const verdicts = fc.array(fc.constantFrom('False', 'Unknown', undefined), { maxLength: 3 })
    fc.assert(
      fc.property(texts, texts, verdicts, fc.boolean(), (labels, annotations, given, hasLeft) => {
        const versions = given.map((verdict) => version(verdict === undefined ? {} : { verdict }))
        const about = { pod: waiting({ labels, annotations }), versions, hasLeft }
        expect(answer(asked(about)).passes).toBe(false)
      }),
    )
  })
})

test('a namespace is read where nothing else speaks for the pod', () => {
  const left = { namespace: namespace({ labels: {} }) }
  expect(needsNamespace(judged(left))).toBe(true)
  expect(needsNamespace(judged({ ...left, hasLeft: true }))).toBe(false)
  expect(needsNamespace(judged())).toBe(false)
  expect(needsNamespace(judged(passed))).toBe(false)
})

test('while a pod has the label, taking that away is left to those who open gates', () => {
  expect(isAnnounced(judged(passed))).toBe(false)
  expect(isAnnounced(judged({ ...passed, pod: letGo }))).toBe(true)
  expect(isAnnounced(judged({ pod: letGo }))).toBe(false)
})

describe('a pod is touched', () => {
  const announcedAt = new Date(now.getTime() - 301)
  const seen = { now, pod: letGo, announcedAt, isSettled: false, untold: 1 }

  test('when its scheduler had time to ask, and did not', () => {
    expect(decide(seen).actions).toEqual([
      expect.objectContaining({
        namespace: 'shop',
        name: 'web-1',
        patch: {
          metadata: {
            uid: 'web-1-uid',
            annotations: { 'gatekept.dev/nudged': '2026-03-01T12:00:10.000Z' },
          },
        },
      }),
    ])
  })

  test.each([
    ['before that', { announcedAt: new Date(now.getTime() - 299) }],
    ['while its scheduler is busy with others that may go', { untold: 1_000 }],
    ['once its scheduler knows', { isSettled: true }],
    ['while it may not go', { announcedAt: undefined }],
  ])('not %s', (_, more) => {
    expect(decide({ ...seen, ...more }).actions).toEqual([])
  })
})
