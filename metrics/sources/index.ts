/**
 * The sources of metrics that can be asked, by the `type` of a KeptnMetricsProvider. A new one is a file and a row.
 *
 * @module
 */
import { decimal, fiveDigits, sixDecimals } from '../digits.ts'
import { asItIs, type Reading } from '../outcome.ts'
import type { OpenSource } from './access.ts'
import { datadog } from './datadog.ts'
import { dql } from './dql.ts'
import { dynatrace } from './dynatrace.ts'
import { elastic } from './elastic.ts'
import { http } from './http.ts'
import { prometheus } from './prometheus.ts'

/** A kind of source: how to ask it, and how its answers are read. */
export interface SourceType {
  readonly open: OpenSource
  readonly reading: Reading
  /** How long a query may take. */
  readonly timeoutMs: number
  /** Whether it can be asked though the Secret that the provider names does not exist. */
  readonly mayLackSecret?: boolean
}

const minuteMs = 60_000
const timeoutMs = 20_000

const prometheusType: SourceType = {
  open: prometheus,
  reading: asItIs,
  timeoutMs,
}

const sources = new Map<string, SourceType>([
  ['prometheus', prometheusType],
  ['thanos', prometheusType],
  ['cortex', prometheusType],
  [
    'dynatrace',
    {
      open: dynatrace,
      reading: { counts: 'mean', write: sixDecimals, writeEach: sixDecimals },
      timeoutMs,
    },
  ],
  [
    'dql',
    {
      open: dql,
      reading: { counts: 'last', write: sixDecimals, writeEach: sixDecimals },
      // Grail itself gives a query as long.
      timeoutMs: minuteMs,
    },
  ],
  [
    'datadog',
    {
      open: datadog,
      reading: { counts: 'mean', write: fiveDigits, writeEach: sixDecimals },
      timeoutMs,
    },
  ],
  [
    'elastic',
    {
      open: elastic,
      reading: { counts: 'only', write: sixDecimals, writeEach: sixDecimals },
      timeoutMs,
      mayLackSecret: true,
    },
  ],
  [
    'http',
    {
      open: http,
      reading: { counts: 'only', write: decimal, writeEach: decimal },
      timeoutMs,
    },
  ],
])

/** The types that can be asked, as a provider writes them. */
export const sourceTypes: readonly string[] = [...sources.keys()]

/** The source for a provider's type, in whatever case it is written. */
export const findSource = (type: string): SourceType | undefined => sources.get(type.toLowerCase())
