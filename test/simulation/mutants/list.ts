/**
 * Bugs that could be in the engine, each planted by replacing a text of one file. The simulation has to find them all.
 *
 * @module
 */

/** One planted bug. */
export interface Mutant {
  readonly name: string
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** Why it is wrong. */
  readonly because: string
}

/** All of them. */
export const mutants: readonly Mutant[] = [
  {
    name: 'gate opened on a failed version',
    file: 'gate/opening/decide.ts',
    find: 'const passed = seen.versions.find(isPassed)',
    replace:
      "const passed = seen.versions.find((each) => isPassed(each) || each.status?.status === 'Failed')",
    because: 'a failed version holds its pods for ever',
  },
  {
    name: 'gate opened on a deprecated version',
    file: 'gate/opening/decide.ts',
    find: 'const passed = seen.versions.find(isPassed)',
    replace:
      "const passed = seen.versions.find((each) => isPassed(each) || each.status?.status === 'Deprecated')",
    because: 'a version that was given up has passed nothing',
  },
  {
    name: 'gate opened on any version of the owner',
    file: 'gate/opening/observe.ts',
    find: "versions.by('revision', revisionIndexKey(pod.metadata.namespace, revision.key))",
    replace:
      "versions.by('namespace', pod.metadata.namespace ?? '').filter(({ spec }) => spec.resourceReference.uid === revision.owner.uid)",
    because:
      'a StatefulSet outlives its versions: an older one that passed says nothing of a newer',
  },
  {
    name: 'gates of others removed',
    file: 'gate/scheduling-gate.ts',
    find: "schedulingGates: [{ $patch: 'delete', name: gateName }]",
    replace: "schedulingGates: [{ $patch: 'replace' }]",
    because: 'other gates belong to other controllers',
  },
  {
    name: 'stray pods forgotten',
    file: 'gate/opening/strays.ts',
    find: 'if (before !== undefined && now === undefined && leads()) strays.add(keyOf(before))',
    replace: 'if (before === undefined && now !== undefined && leads()) strays.add(keyOf(now))',
    because: 'a pod that lost its label would wait behind its gate for ever',
  },
  {
    name: 'released list written before the verdict',
    file: 'gate/released/decide.ts',
    find: 'const added = [...seen.versions.filter(isPassed).flatMap(revisionsOf), ...seen.unmanaged]',
    replace: 'const added = [...seen.versions.flatMap(revisionsOf), ...seen.unmanaged]',
    because: 'what is on the list is never held again',
  },
  {
    name: 'pod admitted on another revision of its owner',
    file: 'webhook/pod.ts',
    find: 'list?.has(revision.key) === true',
    replace: '[...(list ?? [])].some((key) => key.startsWith(revision.owner.uid))',
    because: 'a new version of a DaemonSet would run unchecked',
  },
  {
    name: 'names of children by random',
    file: 'lifecycle/children.ts',
    find: '    parent.object.metadata.uid,\n    phase.name,',
    replace: '    Math.random(),\n    phase.name,',
    because: 'a child whose creation was not answered is not found again, and made twice',
  },
  {
    name: 'failed Job taken for a success',
    file: 'lifecycle/task/decide.ts',
    find: "return end(seen, outcomeOf(seen, 'Failed', failed))",
    replace: "return end(seen, outcomeOf(seen, 'Succeeded', failed))",
    because: 'a task has the outcome of its Job',
  },
  {
    name: 'Job made again after its UID was stored',
    file: 'lifecycle/task/own-job.ts',
    find: "(status?.jobName ?? '') !== ''",
    replace: "(status?.jobName ?? '') === 'never'",
    because: 'a Job that vanished is an outcome: the task may have run',
  },
  {
    name: 'a task of an earlier term taken for what the store has of it',
    file: 'lifecycle/task/observe.ts',
    find: '(await sources.isOfTerm(cached)) ? cached : liveTask(sources, cached)',
    replace: 'cached',
    because: 'a former leader may have made its Job, which has come and gone since',
  },
  {
    name: 'name of a Job by random',
    file: 'lifecycle/task/start.ts',
    find: 'name: jobName(task, salt),',
    replace: 'name: `${jobName(task, salt)}-${String(Math.random()).slice(2, 8)}`,',
    because: 'a Job whose creation was not answered is made twice',
  },
  {
    name: 'status written without the version that it was decided on',
    file: 'kube/writer.ts',
    find: 'const patch = { metadata: { resourceVersion }, status: difference }',
    replace: 'const patch = { metadata: {}, status: difference }',
    because: 'two that write in turns would mix what they decided on',
  },
  {
    name: 'status written whether it differs or not',
    file: 'kube/writer.ts',
    find: 'const difference = mergePatch(object.status, status)',
    replace: 'const difference = mergePatch(object.status, status) ?? {}',
    because: 'a settled cluster causes no requests',
  },
  {
    name: 'own writes not folded into the stores',
    file: 'kube/store.ts',
    find: 'if (!isOlder(mark, version) || hasDeparted(object)) return',
    replace: 'if (version !== undefined) return',
    because: 'a pass would decide on a view that is older than its own doing',
  },
  {
    name: 'verdict taken back',
    file: 'lifecycle/workload-version/seen.ts',
    find: "if (findCondition(status.conditions, type)?.status === 'True') return status",
    replace:
      "if (status.status === 'Failed') return { ...status, conditions: withCondition(status.conditions, { type, ...verdict, status: 'False' }, now) }",
    because: 'pods that were let go run, whatever fails later',
  },
  {
    name: 'evaluations not waited for',
    file: 'lifecycle/workload-version/decide.ts',
    find: 'const states = [status.preDeploymentStatus, status.preDeploymentEvaluationStatus]',
    replace: 'const states = [status.preDeploymentStatus]',
    because: 'a verdict needs tasks and evaluations',
  },
  {
    name: 'dependencies not waited for',
    file: 'lifecycle/checks/order.ts',
    find: 'dependencies.filter((name) => !isPassed(stateOf(name)))',
    replace: 'dependencies.filter((name) => stateOf(name) === undefined)',
    because: 'a task that depends on another needs what that one has done',
  },
  {
    name: 'on-failure tasks of an ended version forgotten',
    file: 'lifecycle/app-version/on-failure.ts',
    find: 'if (!areDue(stored, isGivenUp)) return decision',
    replace: 'if (!areDue(stored, isGivenUp) || isTerminal(stored.status)) return decision',
    because: 'they run because the version has failed',
  },
  {
    name: 'on-failure tasks run though nothing has failed',
    file: 'lifecycle/app-version/on-failure.ts',
    find: "return state === 'Failed' || isWarned",
    replace: "return state === 'Failed' || isWarned || state !== 'Pending'",
    because: 'they clean up after a failure',
  },
  {
    name: 'on-failure tasks run again',
    file: 'lifecycle/app-version/on-failure.ts',
    find: 'parent: appParent(seen, attemptOf(version)),',
    replace: 'parent: appParent(seen, Number(telling.now)),',
    because: 'a version calls for help once in an attempt',
  },
  {
    name: 'what people asked forgotten in a new attempt',
    file: 'lifecycle/workload-version/decide.ts',
    find: '...(actions === undefined ? {} : { actions }),',
    replace: '...(actions === undefined ? {} : { actions: [] }),',
    because: 'each entry is carried out once',
  },
  {
    name: 'only the last of what people asked remembered',
    file: 'lifecycle/actions/decide.ts',
    find: 'new Set((status?.actions ?? []).map(({ id }) => id))',
    replace: 'new Set((status?.actions ?? []).slice(-1).map(({ id }) => id))',
    because: 'each entry is carried out once',
  },
  {
    name: 'what people asked lost when a workload changes',
    file: 'lifecycle/workload/decide.ts',
    find: "'revisions', 'actions'] as const",
    replace: "'revisions'] as const",
    because: 'entries are never taken away',
  },
  {
    name: 'one check named and all skipped',
    file: 'lifecycle/actions/skip.ts',
    find: 'const others = before.filter((each) => each !== own)',
    replace:
      "const others = before.filter((each) => each !== own).map((each) => ({ ...each, status: 'Warning' as const }))",
    because: 'the others still have to pass',
  },
  {
    name: 'released by what was refused',
    file: 'lifecycle/actions/decide.ts',
    find: "verdict: what.kind === 'done' ? what.verdict : undefined,",
    replace:
      "verdict: what.kind === 'done' ? what.verdict : { status: 'True', reason: 'Released', message: '' },",
    because: 'what is refused lets nothing go',
  },
  {
    name: 'retry of a version that has not failed',
    file: 'lifecycle/actions/retry.ts',
    find: "if (status.status !== 'Failed') {\n    return refused(",
    replace: "if (status.status === 'Succeeded') {\n    return refused(",
    because: 'two attempts would run side by side',
  },
  {
    name: 'abort that only says so',
    file: 'lifecycle/actions/abort.ts',
    find: "status: 'Failed',\n    endTime: wholeSeconds(now),",
    replace: 'endTime: wholeSeconds(now),',
    because: 'an aborted version has ended',
  },
  {
    name: 'versions of an aborted app forgotten',
    file: 'lifecycle/workload-version/waiting.ts',
    find: 'if (appVersion !== undefined && haveAppChecksPassed(appVersion)) return undefined',
    replace: 'if (appVersion === undefined) return undefined',
    because: 'they go on once their app is tried again and has passed',
  },
]
