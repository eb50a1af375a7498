/**
 * The comparison of rights and requests at the end of a run of tests.
 *
 * It stands for a test, and is no test file: those run side by side, and this one needs what all others have left behind.
 *
 * @module
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { renderChart } from '../../deploy/chart.ts'
import type { Manifest } from '../../deploy/manifests.ts'
import { withPermit } from '../chart.ts'
import { missingRights, surplusRights } from './compare.ts'
import { expectedRefusals, unusedRights } from './exceptions.ts'
import { keptRequests, rightsFolder } from './requests.ts'
import { rightsOf } from './rights.ts'

const tests = join(import.meta.dirname, '..')
/** Those that have clusters. */
const folders: readonly string[] = ['component', 'e2e']

/** A test file of the run, as far as the comparison is concerned. */
export interface RanFile {
  readonly path: string
  readonly passed: boolean
}

/** Whether each test that has a cluster was there: else one that was not may have used a right. */
const areAllThere = (ran: readonly RanFile[]): boolean => {
  const passed = new Set(ran.filter((file) => file.passed).map(({ path }) => path))
  return folders
    .flatMap((folder) =>
      readdirSync(join(tests, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(tests, folder, file),
      ),
    )
    .filter((file) => file.endsWith('.test.ts'))
    .every((file) => passed.has(file))
}

const whichIs = ({ kind, metadata }: Manifest): string =>
  JSON.stringify([kind, metadata.namespace, metadata.name])

/** The chart by default, and what else it has where a scheduler holds pods. */
const everyObject = async (): Promise<readonly Manifest[]> => {
  const usual = await renderChart()
  const known = new Set(usual.map(whichIs))
  return [
    ...usual,
    ...(await renderChart(withPermit)).filter((object) => !known.has(whichIs(object))),
  ]
}

/**
 * What is wrong with the rights of our service accounts, a sentence each. After a run of some files, or one with failures, it
 * tells what was refused alone; nothing, if nothing was, or if clusters were not told to keep what was asked of them.
 */
export const reportRights = async (
  ran: readonly RanFile[],
): Promise<readonly string[] | undefined> => {
  const folder = process.env[rightsFolder]
  if (folder === undefined) return undefined
  const compared = {
    rights: rightsOf(await everyObject()),
    clusters: existsSync(folder) ? await keptRequests(folder) : [],
    unused: unusedRights,
    refused: expectedRefusals,
  }
  const missing = missingRights(compared)
  if (areAllThere(ran)) return [...missing, ...surplusRights(compared)]
  return missing.length > 0 ? missing : undefined
}
