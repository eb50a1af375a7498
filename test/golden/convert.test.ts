/**
 * Files of Keptn v1 in, objects out: each case is a folder with `sli.yaml` or `slo.yaml` beside `objects.yaml` and, where
 * there is something to tell, `notes.txt`. They were worked out by hand and are not written anew by `golden:update`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import type { Converted } from '../../metrics/convert/conversion.ts'
import { convertSli } from '../../metrics/convert/sli.ts'
import { convertSlo } from '../../metrics/convert/slo.ts'

const cases = (folder: string, file: string, convert: (text: string) => Converted): void => {
  const root = join(import.meta.dirname, folder)
  const names = readdirSync(root)
  if (names.length === 0) throw new Error(`Cannot test "${folder}": it has no cases`)
  for (const name of names) {
    const read = (part: string): string => readFileSync(join(root, name, part), 'utf8')
    test(`${folder}: ${name.replaceAll('-', ' ')}`, () => {
      const { yaml, notes } = convert(read(file))
      expect(yaml).toBe(read('objects.yaml'))
      const expected = existsSync(join(root, name, 'notes.txt')) ? read('notes.txt') : ''
      expect(notes.map((note) => `${note}\n`).join('')).toBe(expected)
    })
  }
}

cases('convert-sli', 'sli.yaml', (text) =>
  convertSli(text, { providerName: 'prometheus', providerNamespace: 'observing' }),
)
cases('convert-slo', 'slo.yaml', (text) =>
  convertSlo(text, { definitionName: 'shop-quality', templateNamespace: 'observing' }),
)
