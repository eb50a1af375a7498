/**
 * Creates pods at a steady rate, as long as the cluster keeps up, and again what was refused: as owners of pods do.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import type { Cluster } from '../../cluster/cluster.ts'

/** What to create. */
export interface Load {
  readonly namespace: string
  /** A pod of this name, as JSON. */
  readonly pod: (index: number) => string
  readonly perSecond: number
  /** Whether pods are asked for and not stored. */
  readonly dryRun?: boolean
  /** Asked before each pod: is it the last one? */
  readonly isEnough: (count: number) => boolean
}

/** A call that did not make a pod. Instants as `performance.now()` tells them. */
export interface FailedCall {
  readonly index: number
  readonly startedAt: number
  readonly endedAt: number
  readonly message: string
}

/** What came of it. */
export interface Outcome {
  readonly created: number
  /** Pods that were made without our gate. */
  readonly ungated: number
  readonly failed: readonly FailedCall[]
  /** How long each call that made a pod took, in milliseconds, sorted. */
  readonly tookMs: readonly number[]
  readonly perSecond: number
}

/** More would only wait for each other, and on a busy machine for longer than the API server waits for a webhook. */
export const maxUnderWay = 16
// A ReplicaSet that was refused a pod tries again after a moment, and then less and less often.
const againMs = 100

/** Creates pods until it is enough; resolves when each of them has been created. */
export const createPods = async (cluster: Cluster, load: Load): Promise<Outcome> => {
  const { ca, cert, key } = cluster.credentials
  const pool = new Pool(cluster.server, { connections: maxUnderWay, connect: { ca, cert, key } })
  const path = `/api/v1/namespaces/${load.namespace}/pods${load.dryRun === true ? '?dryRun=All' : ''}`
  const failed: FailedCall[] = []
  const tookMs: number[] = []
  let created = 0
  let ungated = 0

  const create = async (index: number): Promise<void> => {
    for (;;) {
      const startedAt = performance.now()
      const message = await post(load.pod(index))
      const endedAt = performance.now()
      if (message === '') {
        tookMs.push(endedAt - startedAt)
        return
      }
      failed.push({ index, startedAt, endedAt, message })
      await pause(againMs)
    }
  }
  /** An empty text for a pod that was made. */
  const post = async (body: string): Promise<string> => {
    try {
      const headers = { 'content-type': 'application/json' }
      const answer = await pool.request({ method: 'POST', path, headers, body })
      const text = await answer.body.text()
      if (answer.statusCode !== 201) return `${answer.statusCode}: ${text}`
      created++
      ungated += text.includes('"keptn-prechecks-gate"') ? 0 : 1
      return ''
    } catch (error) {
      return String(error)
    }
  }

  const underWay = new Set<Promise<void>>()
  const beganAt = performance.now()
  let count = 0
  while (!load.isEnough(count)) {
    // In batches, as owners make them: so the API server needs new connections after some were closed.
    const batch = count - (count % maxUnderWay)
    const waitMs = beganAt + (batch * 1_000) / load.perSecond - performance.now()
    if (waitMs > 0) await pause(waitMs)
    if (underWay.size >= maxUnderWay) await Promise.race(underWay)
    const call = create(count++).finally(() => underWay.delete(call))
    underWay.add(call)
  }
  await Promise.all(underWay)
  await pool.close()
  const perSecond = created / ((performance.now() - beganAt) / 1_000)
  return { created, ungated, failed, tookMs: tookMs.sort((a, b) => a - b), perSecond }
}
