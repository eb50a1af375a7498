/**
 * World in, decision out, as files: each case is a folder with `seen.yaml` beside `decision.yaml`.
 *
 * Instants stand unquoted in YAML (`2026-01-01T00:00:00Z`), times inside Kubernetes objects quoted, as the strings they are.
 * A `Map` is written with the tag `!!omap`. Resource types in actions are written as `apiVersion Kind`.
 * `npm run golden:update` writes the decisions anew; read the difference before you commit it.
 *
 * @module
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse, stringify } from 'yaml'
import { apiVersionOf } from '../../api/object.ts'
import type { Action, Decision } from '../../kube/decision.ts'

const isUpdating = process.env['UPDATE_GOLDEN'] === '1'

const read = (file: string): unknown =>
  parse(readFileSync(file, 'utf8'), { customTags: ['timestamp', 'omap'] })

const write = (value: unknown): string =>
  stringify(value, {
    customTags: ['timestamp', 'omap'],
    lineWidth: 120,
    aliasDuplicateObjects: false,
  })

const namedType = (action: Action): object => ({
  ...action,
  type: `${apiVersionOf(action.type)} ${action.type.kind}`,
})

/** A decision as it stands in a file. */
const shown = (decision: Decision): unknown => ({
  ...(decision.status === undefined ? {} : { status: decision.status }),
  ...(decision.actions.length === 0 ? {} : { actions: decision.actions.map(namedType) }),
  ...(decision.transitions.length === 0 ? {} : { transitions: decision.transitions }),
  ...(decision.mayWait === true ? { mayWait: true } : {}),
  ...(decision.givesWay === true ? { givesWay: true } : {}),
  ...(decision.wakeAt === undefined ? {} : { wakeAt: decision.wakeAt }),
})

/** Makes a test of each case below `test/golden/<folder>/`. Throws when there is none: no cases are no success. */
export const goldenCases = (
  folder: string,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a case holds is what its decide takes
  decide: (seen: any) => Decision,
): void => {
  const root = join(import.meta.dirname, folder)
  const cases = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  if (cases.length === 0) throw new Error(`Cannot test "${folder}": it has no cases`)
  for (const { name } of cases) {
    test(`${folder}: ${name.replaceAll('-', ' ')}`, () => {
      const expected = join(root, name, 'decision.yaml')
      const decision = write(shown(decide(read(join(root, name, 'seen.yaml')))))
      if (isUpdating) writeFileSync(expected, decision)
      expect(decision).toBe(readFileSync(expected, 'utf8'))
    })
  }
}
