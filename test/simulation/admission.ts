/**
 * How objects come through admission: the webhook's own decisions, asked as the API server asks, with a Namespace as the
 * webhook's cache may have it.
 *
 * @module
 */
import jsonpatch from 'jsonpatch'
import { Namespace, Pod } from '../../api/kubernetes.ts'
import type { KubeObject, New } from '../../api/object.ts'
import { parseReleased } from '../../identity/released.ts'
import { ownerOf } from '../../identity/owner.ts'
import { admitNamespace } from '../../webhook/namespace.ts'
import { admitPod, type Seen } from '../../webhook/pod.ts'
import { parseReview, type Answer, type Question } from '../../webhook/review.ts'
import { merge, type ApiServer, type Stored } from './api-server.ts'
import { shop } from './intent.ts'
import { home } from './process.ts'
import type { Random } from './random.ts'

const optIn = 'keptn.sh/lifecycle-toolkit'
const released = 'gatekept.dev/released'

/** The admission of a simulated API server. */
export interface Admission {
  /** Creates a pod, unless that is refused. */
  readonly createPod: (pod: object) => Promise<void>
  /** Changes the namespace as people do. */
  readonly changeNamespace: (change: Readonly<Record<string, unknown>>) => void
}

const questionOf = (operation: string, kind: string, object: object): Question =>
  parseReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'question', operation, kind: { kind }, namespace: shop, object },
  })

const patched = (object: object, answer: Answer): object | undefined => {
  if (!answer.allowed) return undefined
  if (answer.patch.length === 0) return object
  return jsonpatch.apply_patch(structuredClone(object), structuredClone(answer.patch) as never)
}

/** How far back a cache may be. */
const memory = 4

/** Makes the admission of one API server. */
export const createAdmission = (server: ApiServer, random: Random): Admission => {
  const past: Stored[] = []
  server.onChange(({ type, after }) => {
    if (type.kind !== Namespace.kind || after === undefined) return
    past.push(after)
    if (past.length > memory) past.shift()
  })

  /** The released list, as one of the replicas has it: as it is, as it was, or not at all. */
  const listSeen = (): Seen['released'] => {
    if (random.chance(0.05)) return undefined
    const seen = random.chance(0.8) ? past.at(-1) : random.pick(past)
    return parseReleased(seen?.metadata.annotations?.[released])
  }

  const ownerSeen = async (pod: KubeObject): Promise<Seen['owner']> => {
    if (random.chance(0.1)) return 'unreadable'
    const at = (name: string) => ({ namespace: shop, name })
    const owner = await ownerOf(pod, (type, name) => Promise.resolve(server.get(type, at(name))))
    return owner ?? 'unreadable'
  }

  const answerTo = async (pod: object): Promise<Answer> => {
    const seen = {
      question: questionOf('CREATE', 'Pod', pod),
      ownNamespace: home,
      released: listSeen(),
      recent: new Set<string>(),
      mayBeOld: false,
      holding: 'gate',
    } as const
    const answer = admitPod({ ...seen, owner: 'unread' })
    if (typeof answer !== 'string') return answer
    const second = admitPod({ ...seen, owner: await ownerSeen(pod as KubeObject) })
    if (typeof second === 'string') throw new Error('Cannot admit a pod: asked twice')
    return second
  }

  return {
    async createPod(pod) {
      // The API server selects by the label, and by nothing else.
      const isAsked = server.get(Namespace, { name: shop })?.metadata.labels?.[optIn] === 'enabled'
      const admitted = isAsked ? patched(pod, await answerTo(pod)) : pod
      if (admitted !== undefined) server.create(Pod, admitted as New<KubeObject>)
    },
    changeNamespace(change) {
      const before = server.get(Namespace, { name: shop })
      if (before === undefined) return
      const wanted = merge(before, change)
      // It may be away: then the controller does what it would have done.
      const answer: Answer = random.chance(0.2)
        ? { allowed: true, patch: [] }
        : admitNamespace(questionOf('UPDATE', 'Namespace', wanted), home)
      const after = patched(wanted, answer) as Stored | undefined
      if (after === undefined) return
      server.alter(Namespace, before.metadata, () => after)
    },
  }
}
