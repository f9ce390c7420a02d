/**
 * Ends every run with `jest: N passed, N failed` alone on a line: CI reads it. A test file that could not run counts as failed.
 * Printed when the process exits, because jest's own summary comes after the last reporter.
 */
export default class CountReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    process.once('exit', () => process.stdout.write(`\njest: ${results.numPassedTests} passed, ${failed} failed\n`));
  }
}
