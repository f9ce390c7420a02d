/**
 * `npm test [-- ARGUMENTS FOR JEST]`: gets the servers that the chosen tests need (building them first where this machine has none), says
 * which tests are left out and why, and runs jest. With CI=true nothing may be left out.
 */
import { execFileSync } from 'node:child_process';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveTools } from '../sandbox/resolve-tools.ts';
import type { ToolName } from '../sandbox/tool-catalogue.ts';
import { runToEnd } from './child-process.ts';
import { machineGaps } from './test-machine.ts';
import { neededTools } from './test-needs.ts';
import { toolNews } from './tool-news.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const JEST = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));
const NODE_OPTIONS = [process.env['NODE_OPTIONS'] ?? '', '--experimental-vm-modules', '--no-warnings'].join(' ').trim();
/** With these jest runs no test. */
const INFORMATION = ['--listTests', '--showConfig', '--version', '--help', '-h', '--clearCache', '--init'];

const jestArguments = process.argv.slice(2);
const environment = { ...process.env, NODE_OPTIONS };

if (jestArguments.some((argument) => INFORMATION.includes(argument))) process.exitCode = await jest(jestArguments);
else process.exitCode = await runTests();

async function runTests(): Promise<number> {
  const files = listTests();
  const gaps = await machineGaps(files, say);
  const impossible = new Set(gaps.flatMap((gap) => gap.files));
  const needs = new Map(files.filter((file) => !impossible.has(file)).map((file) => [file, neededTools(file)]));
  const missing = await getTools(new Set([...needs.values()].flatMap((tools) => [...tools])));
  const withoutTools = [...needs].filter(([, tools]) => [...tools].some((tool) => missing.has(tool))).map(([file]) => file);
  const leftOut = [...impossible, ...withoutTools];
  if (leftOut.length === 0) {
    say('no test is left out on this machine');
    return jest(jestArguments);
  }
  for (const [tool, reason] of missing) say(`no ${tool}: ${reason}`);
  for (const { what, reason } of gaps) say(`no ${what}: ${reason}`);
  say(`left out without them: ${leftOut.map((file) => relative(ROOT, file)).join(', ')}`);
  if (process.env['CI'] === 'true') {
    say(
      'with CI=true nothing may be left out: run it as root on Debian, and install Go and Python or set HOLDFAST_BIN to a folder with the binaries',
    );
    return 1;
  }
  return jest([...jestArguments, ...leftOut.flatMap((file) => ['--testPathIgnorePatterns', `^${literal(file)}$`])]);
}

/** The files that jest would run with our arguments. */
function listTests(): readonly string[] {
  const output = execFileSync(process.execPath, [JEST, '--listTests', ...jestArguments], { cwd: ROOT, env: environment, encoding: 'utf8' });
  return output.split('\n').filter((line) => line.endsWith('.test.ts'));
}

/** Returns why each tool that this machine can neither find nor make is missing. */
async function getTools(tools: ReadonlySet<ToolName>): Promise<ReadonlyMap<ToolName, string>> {
  const missing = new Map<ToolName, string>();
  const progress = (event: Parameters<typeof toolNews>[0]) => {
    say(toolNews(event));
  };
  // Together first, so that what has to be built is built in one go.
  if (await isResolved(resolveTools([...tools], { progress }))) return missing;
  for (const tool of tools) {
    await resolveTools([tool]).catch((error: unknown) => missing.set(tool, error instanceof Error ? error.message : String(error)));
  }
  return missing;
}

function say(message: string): void {
  console.error(`npm test: ${message}`);
}

/** A pattern that matches just this text. */
function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

function isResolved(resolving: Promise<unknown>): Promise<boolean> {
  return resolving.then(
    () => true,
    () => false,
  );
}

function jest(allArguments: readonly string[]): Promise<number> {
  return runToEnd(process.execPath, [JEST, ...allArguments], { cwd: ROOT, env: environment });
}
