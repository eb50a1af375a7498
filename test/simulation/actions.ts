/**
 * What people ask of versions by entries of `spec.actions`, at any moment, whether it makes sense or not.
 *
 * @module
 */
import { KeptnAppVersion, KeptnWorkloadVersion } from '../../api/index.ts'
import type { ApiServer, Stored } from './api-server.ts'
import { taskNames } from './intent.ts'
import type { Random } from './random.ts'
import type { Step } from './step.ts'

const types = ['release', 'retry', 'skip', 'abort'] as const
const checks = [...taskNames, 'capacity'] as const
const most = 8

/** What makes sense as the version stands. */
const sensible = ({ status }: Stored): readonly (typeof types)[number][] =>
  status?.['status'] === 'Failed'
    ? ['retry', 'retry', 'skip', 'release']
    : ['abort', 'release', 'skip']

/** Those that have failed, or else any. */
const checksOf = ({ status }: Stored): readonly string[] => {
  const items = Object.values(status ?? {})
    .filter(Array.isArray)
    .flat() as readonly {
    readonly definitionName?: string
    readonly status?: string
  }[]
  const failed = items.filter((item) => item.status === 'Failed')
  const names = failed.flatMap(({ definitionName }) => definitionName ?? [])
  return names.length > 0 ? names : checks
}

/** Adds what people ask to what they do otherwise, in a third of the histories. */
export const withRequests = (
  script: readonly Step[],
  { server, random }: { readonly server: ApiServer; readonly random: Random },
): Step[] => {
  if (!random.chance(1 / 3)) return [...script]
  let count = 0
  const ask = (): void => {
    const versions = [KeptnAppVersion, KeptnWorkloadVersion, KeptnWorkloadVersion].flatMap((type) =>
      server.list(type).map((version) => ({ type, version })),
    )
    if (versions.length === 0) return
    const { type, version } = random.pick(versions)
    count += 1
    const action = random.pick(random.chance(0.5) ? types : sensible(version))
    const entry = {
      ...{ id: `ask-${count}`, type: action, by: 'alice', reason: 'it has to be' },
      ...(action === 'skip' ? { check: random.pick(checksOf(version)) } : {}),
    }
    server.alter(type, version.metadata, (before) => withEntry(before, entry))
  }
  const steps = [...script]
  const times = random.between(1, most)
  // Later ones are likelier: there has to be something to ask it of.
  for (let time = 0; time < times; time += 1) {
    steps.splice(Math.max(random.between(0, steps.length), random.between(1, steps.length)), 0, ask)
  }
  return steps
}

const withEntry = (before: Stored, entry: object): Stored => ({
  ...before,
  spec: {
    ...before.spec,
    actions: [...((before.spec?.['actions'] ?? []) as readonly object[]), entry],
  },
})
