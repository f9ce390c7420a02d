import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { executableOnPath } from './find-tool.ts';
import type { GoModule, Tool, ToolName } from './tool-catalogue.ts';

export interface BuildOptions {
  /** An empty folder for the binaries. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly progress: (message: string, remainingMs: number) => void;
  readonly signal: AbortSignal | undefined;
}

const MODULES = fileURLToPath(new URL('tools/', import.meta.url));
const NEWS_EVERY_MS = 10_000;

/**
 * Runs `go build` and ends it with everything it has started when the pipe on file 3 closes, which also happens when we are killed. It is a
 * process group of its own.
 */
const WATCHED = `exec 3<&0
{ cat <&3 >/dev/null 2>&1; kill -KILL 0; } >/dev/null 2>&1 &
"$@" </dev/null 3<&- &
wait $!`;

/**
 * Builds tools of one module in one `go build`, so that all cores have work, and returns where they are. The pinned module itself is not
 * written to. Rejects with `NotFound` without Go, and with `Unavailable` with the compiler's last words when the build fails.
 */
export async function buildTools(module: GoModule, tools: readonly Tool[], options: BuildOptions): Promise<ReadonlyMap<ToolName, string>> {
  const names = tools.map(({ name }) => name).join(', ');
  const go = await executableOnPath(options.environment['PATH'] ?? '', 'go');
  if (go === undefined) {
    throw new HoldfastError(FailureType.NotFound, `${names} ${module.version} not found, and no Go to build it with`, {
      advice: `install Go 1.26 or newer (https://go.dev/dl), or set HOLDFAST_BIN to a folder that has ${names}`,
    });
  }
  const startedMs = performance.now();
  const expectedMs = 1000 * tools.reduce((sum, { buildSeconds }) => sum + buildSeconds, 0);
  const report = () => {
    const elapsedMs = performance.now() - startedMs;
    options.progress(`building ${module.version} from pinned sources, once`, Math.max(expectedMs - elapsedMs, 0));
  };
  report();
  const news = setInterval(report, NEWS_EVERY_MS);
  try {
    await goBuild(go, { module, tools }, options);
  } finally {
    clearInterval(news);
  }
  return new Map(tools.map((tool) => [tool.name, join(options.folder, outputName(tool))]));
}

/** Go names a binary after its package's last element that is not a version. */
function outputName({ goPackage }: Tool): string {
  const elements = goPackage.split('/').filter((element) => !/^v\d+$/.test(element));
  return elements.at(-1) ?? goPackage;
}

async function goBuild(go: string, what: { module: GoModule; tools: readonly Tool[] }, options: BuildOptions): Promise<void> {
  const { module, tools } = what;
  const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', `-ldflags=${module.ldflags}`, '-o', `${options.folder}/`];
  const packages = tools.map(({ goPackage }) => goPackage);
  options.signal?.throwIfAborted();
  const build = spawn('sh', ['-c', WATCHED, 'sh', go, 'build', ...flags, ...packages], {
    cwd: join(MODULES, module.name),
    // Settings of the user's other projects must not change what is built.
    env: { ...options.environment, CGO_ENABLED: '0', GOOS: '', GOARCH: '', GOWORK: 'off', GOFLAGS: '' },
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let said = '';
  build.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-10_000);
  });
  const endBuild = () => {
    build.stdin.destroy();
  };
  options.signal?.addEventListener('abort', endBuild, { once: true });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    build.once('exit', resolve).once('error', reject);
  });
  options.signal?.removeEventListener('abort', endBuild);
  endBuild();
  options.signal?.throwIfAborted();
  if (exitCode === 0) return;
  const lastLine = said.trimEnd().split('\n').at(-1) ?? '';
  throw new HoldfastError(FailureType.Unavailable, `go build of ${packages.join(', ')} failed: ${lastLine}`, {
    advice: `set HOLDFAST_BIN to a folder that has ${tools.map(({ name }) => name).join(', ')}, or see why Go cannot build`,
  });
}
