/**
 * Prints failures in full, passed files in a line each, and ends the run with `N passed, N failed`.
 *
 * A test file that could not be loaded counts as one failed test: it must never look like a run without failures.
 */
export default class Reporter {
  onTestResult(test, result) {
    const name = `${test.context.config.displayName?.name ?? ''} ${test.path.slice(test.context.config.rootDir.length + 1)}`
    const seconds = ((result.perfStats.end - result.perfStats.start) / 1000).toFixed(1)
    const failed = result.numFailingTests > 0 || result.testExecError != null
    process.stdout.write(
      `${failed ? 'FAIL' : 'ok  '} ${name} (${result.numPassingTests} tests, ${seconds} s)\n`,
    )
    for (const { fullName, status } of result.testResults) {
      if (status === 'pending') process.stdout.write(`     left out: ${fullName}\n`)
    }
    if (result.failureMessage) process.stdout.write(`${result.failureMessage}\n`)
  }

  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites
    const skipped = results.numPendingTests + results.numTodoTests
    process.stdout.write(
      `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
    )
  }
}
