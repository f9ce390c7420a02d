import { statfsSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';

const FREE_GIB = 1024 ** 3;
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/**
 * Ends every run with a line for each failure, and then `jest: N passed, N failed` alone on a line: CI reads it. A test file that could not run
 * counts as failed. Printed when the process exits, because jest's own summary comes after the last reporter.
 */
export default class CountReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const lines = results.testResults.flatMap((file) => failures(file));
    if (failed > 0) lines.push(`machine: load ${loadavg()[0].toFixed(1)}, ${freeGiB().toFixed(1)} GiB free for temporary files`);
    process.once('exit', () => {
      for (const line of lines) process.stdout.write(`${line}\n`);
      process.stdout.write(`\njest: ${results.numPassedTests} passed, ${failed} failed\n`);
    });
  }
}

function failures({ testFilePath, testResults, testExecError }) {
  const file = testFilePath.replace(`${process.cwd()}/`, '');
  const failed = testResults
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => `failed: ${file} › ${fullName}: ${inShort(failureMessages.join('\n'))}`);
  return testExecError ? [...failed, `failed: ${file}: ${inShort(testExecError.message ?? '')}`] : failed;
}

function inShort(text) {
  return text.replaceAll(COLOURS, '').replaceAll(/\s+/g, ' ').slice(0, 500);
}

function freeGiB() {
  const { bavail, bsize } = statfsSync(tmpdir());
  return (bavail * bsize) / FREE_GIB;
}
