/**
 * The spans of time that an analysis is about. Pure.
 *
 * @module
 */
import { parseDuration } from '../../api/duration.ts'
import type { Analysis, StatusOf } from '../../api/index.ts'
import { wholeSeconds } from '../../kube/conditions.ts'

/** A span of time, with the arguments that hold for it. */
export interface Span {
  readonly from: Date
  readonly to: Date
  readonly args: Readonly<Record<string, string>>
}

type Timeframe = NonNullable<StatusOf<Analysis>['timeframe']>

/** Whether an analysis tries a definition on the past. */
export const isBacktest = ({ spec }: Analysis): boolean => spec.windows !== undefined

/** The spans of time of an analysis, those of a backtest in its order; `undefined` while it is not decided which. */
export const spansOf = ({ spec, status }: Analysis): readonly Span[] | undefined => {
  const { args = {}, windows } = spec
  if (windows !== undefined) {
    return windows.map((window) => spanOf(window, { ...args, ...window.args }))
  }
  const { from, to } = status?.timeframe ?? {}
  return from === undefined || to === undefined ? undefined : [spanOf({ from, to }, args)]
}

const spanOf = (
  { from, to }: { readonly from: string; readonly to: string },
  args: Span['args'],
): Span => ({ from: new Date(from), to: new Date(to), args })

/** When the last of them is over. */
export const endOf = (spans: readonly Span[]): Date =>
  new Date(Math.max(0, ...spans.map(({ to }) => to.getTime())))

/** The span of time that the spec means at this instant. */
export const timeframeAt = ({ spec }: Analysis, now: Date): Timeframe => {
  const { from, to, recent = '' } = spec.timeframe ?? {}
  const recentMs = parseDuration(recent) ?? 0
  if (recentMs <= 0 && from !== undefined && to !== undefined) return { from, to }
  return { from: wholeSeconds(new Date(now.getTime() - recentMs)), to: wholeSeconds(now) }
}
