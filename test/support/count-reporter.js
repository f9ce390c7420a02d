import { statfsSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';

const FREE_GIB = 1024 ** 3;
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** How many tests of a long run are named as its slowest. */
const SLOWEST = 25;
const LONG_RUN_FILES = 20;

/**
 * Ends a long run with its slowest tests, and every run with a line for each failure, and then `jest: N passed, N failed` alone on a line: CI reads it. A test file that could not run
 * counts as failed. Printed when the process exits, because jest's own summary comes after the last reporter.
 */
export default class CountReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const lines = results.testResults.flatMap((file) => failures(file));
    if (failed > 0) lines.push(`machine: load ${loadavg()[0].toFixed(1)}, ${freeGiB().toFixed(1)} GiB free for temporary files`);
    if (results.testResults.length > LONG_RUN_FILES) lines.unshift(...slowest(results.testResults));
    process.once('exit', () => {
      for (const line of lines) process.stdout.write(`${line}\n`);
      process.stdout.write(`\njest: ${results.numPassedTests} passed, ${failed} failed\n`);
    });
  }
}

function failures({ testFilePath, testResults, testExecError }) {
  const file = relative(testFilePath);
  const failed = testResults
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => `failed: ${file} › ${fullName}: ${inShort(failureMessages.join('\n'))}`);
  return testExecError ? [...failed, `failed: ${file}: ${inShort(testExecError.message ?? '')}`] : failed;
}

function slowest(files) {
  const tests = files.flatMap(({ testFilePath, testResults }) =>
    testResults.map(({ fullName, duration }) => ({ name: `${relative(testFilePath)} › ${inShort(fullName)}`, ms: duration ?? 0 })),
  );
  const longest = tests.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  return longest.map(({ name, ms }) => `slow: ${(ms / 1000).toFixed(0)} s ${name}`);
}

function relative(file) {
  return file.replace(`${process.cwd()}/`, '');
}

function inShort(text) {
  return text.replaceAll(COLOURS, '').replaceAll(/\s+/g, ' ').slice(0, 500);
}

function freeGiB() {
  const { bavail, bsize } = statfsSync(tmpdir());
  return (bavail * bsize) / FREE_GIB;
}
