import { reportRights } from './rights/report.ts'

/**
 * Prints failures in full, passed files in a line each, and ends the run with `N passed, N failed`.
 *
 * A test file that could not be loaded counts as one failed test: it must never look like a run without failures. The
 * comparison of our service accounts' rights with what they did in all of the run counts as one test.
 */
export default class Reporter {
  #error

  onTestResult(test, result) {
    const name = `${test.context.config.displayName?.name ?? ''} ${test.path.slice(test.context.config.rootDir.length + 1)}`
    const seconds = ((result.perfStats.end - result.perfStats.start) / 1000).toFixed(1)
    const failed = hasFailed(result)
    process.stdout.write(
      `${failed ? 'FAIL' : 'ok  '} ${name} (${result.numPassingTests} tests, ${seconds} s)\n`,
    )
    for (const { fullName, status } of result.testResults) {
      if (status === 'pending') process.stdout.write(`     left out: ${fullName}\n`)
    }
    if (result.failureMessage) process.stdout.write(`${result.failureMessage}\n`)
  }

  async onRunComplete(_contexts, results) {
    const rights = await this.#compareRights(results)
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites + rights.failed
    const skipped = results.numPendingTests + results.numTodoTests
    process.stdout.write(
      `${results.numPassedTests + rights.passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
    )
  }

  /** Jest asks for it last: an error makes the whole run fail. */
  getLastError() {
    return this.#error
  }

  async #compareRights({ testResults }) {
    const ran = testResults.map((result) => ({
      path: result.testFilePath,
      passed: !hasFailed(result),
    }))
    const complaints = await reportRights(ran).catch((error) => [String(error.stack)])
    if (complaints === undefined) return { passed: 0, failed: 0 }
    const failed = complaints.length > 0
    process.stdout.write(
      `${failed ? 'FAIL' : 'ok  '} rights of our service accounts (${failed ? 0 : 1} tests)\n`,
    )
    if (!failed) return { passed: 1, failed: 0 }
    process.stdout.write(complaints.map((complaint) => `  ● ${complaint}\n`).join(''))
    this.#error = new Error('Our service accounts have other rights than they need')
    return { passed: 0, failed: 1 }
  }
}

const hasFailed = (result) => result.numFailingTests > 0 || result.testExecError != null
