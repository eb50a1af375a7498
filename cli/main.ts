/**
 * `gatekept` as people call it, and `kubectl gatekept`.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { runConvert } from './convert.ts'

/** Runs `gatekept convert`. */
export const convert = async (args: readonly string[]): Promise<void> => {
  process.exitCode = await runConvert(
    {
      read: (file) => (file === '-' ? text(process.stdin) : readFile(file, 'utf8')),
      print: (line) => process.stdout.write(line),
      complain: (line) => process.stderr.write(line),
    },
    args,
  )
}
