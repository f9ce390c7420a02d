import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildTools, type BuildOptions } from './build-tools.ts';
import { downloadTool } from './download-tool.ts';
import { executableIn, executableOnPath, whyUnsuitable } from './find-tool.ts';
import { withLock } from './folder-lock.ts';
import { installTools } from './install-tools.ts';
import { packTools } from './maven-tools.ts';
import { cacheFolder } from './state-folder.ts';
import { TOOLS } from './tool-catalogue.ts';
import type { Tool, ToolModule, ToolName } from './tool-catalogue.ts';
import type { Progress, ProgressEvent } from './tool-progress.ts';
import { RELEASES } from './tool-releases.ts';
import type { Release } from './tool-releases.ts';

export interface ResolveOptions {
  /** A folder of binaries that is used before anything else, whatever their versions; default HOLDFAST_BIN. */
  readonly bin?: string | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default: the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Default: those of tool-releases.ts. */
  readonly releases?: readonly Release[];
}

/**
 * Finds the path of each tool: in the explicit folder, on PATH in a suitable version, in the user's cache, as an official release with a
 * pinned checksum, or made from what sandbox/tools pins: built with Go, installed with pip or packed with Maven. The last two take a while, fill the cache and tell `progress`; processes that need
 * the same tool at the same time wait for one another, so that it is made once. Rejects with `NotFound` when no source has the tool.
 */
export async function resolveTools(names: readonly ToolName[], options: ResolveOptions = {}): Promise<ReadonlyMap<ToolName, string>> {
  const search = new Search(options);
  const found = new Map<ToolName, string>();
  const missing = new Map<ToolModule, Tool[]>();
  for (const name of names) {
    const tool = TOOLS[name];
    const path = await search.find(tool);
    if (path === undefined) missing.set(tool.module, [...(missing.get(tool.module) ?? []), tool]);
    else found.set(name, path);
  }
  for (const [module, tools] of missing) {
    for (const [name, path] of await search.make(module, tools)) found.set(name, path);
  }
  return found;
}

/** One search for tools, with its settings and its clock. */
class Search {
  readonly #options: ResolveOptions;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #startedMs = performance.now();

  constructor(options: ResolveOptions) {
    this.#options = options;
    this.#environment = options.environment ?? process.env;
  }

  async find(tool: Tool): Promise<string | undefined> {
    return (await this.#inFolder(tool)) ?? (await this.#onPath(tool)) ?? (await executableIn(this.#cacheOf(tool.module), tool.name));
  }

  /** Downloads or builds the tools of one module that the cache lacks, once for all processes. */
  async make(module: ToolModule, tools: readonly Tool[]): Promise<ReadonlyMap<ToolName, string>> {
    const cache = this.#cacheOf(module);
    const onWait = () => {
      this.#say(tools, 'cache', 'waiting for another process that is making it');
    };
    return withLock(`${cache}.lock`, { signal: this.#options.signal, onWait }, async () => {
      await mkdir(cache, { recursive: true });
      await removeUnfinished(cache);
      const wanted: Tool[] = [];
      for (const tool of tools) {
        if ((await executableIn(cache, tool.name)) === undefined && !(await this.#download(tool, cache))) wanted.push(tool);
      }
      if (wanted.length > 0) await this.#build(module, wanted);
      return new Map(tools.map((tool) => [tool.name, join(cache, tool.name)]));
    });
  }

  async #inFolder(tool: Tool): Promise<string | undefined> {
    const folder = this.#options.bin ?? this.#environment['HOLDFAST_BIN'];
    if (folder === undefined || folder === '') return undefined;
    const path = await executableIn(folder, tool.name);
    if (path === undefined) this.#say([tool], 'folder', `not in ${folder}`);
    return path;
  }

  async #onPath(tool: Tool): Promise<string | undefined> {
    const path = await executableOnPath(this.#environment['PATH'] ?? '', tool.name);
    if (path === undefined) return undefined;
    const reason = await whyUnsuitable(tool, path);
    if (reason !== undefined) this.#say([tool], 'PATH', reason);
    return reason === undefined ? path : undefined;
  }

  async #download(tool: Tool, cache: string): Promise<boolean> {
    const platform = `${process.platform}-${process.arch}`;
    const fits = (release: Release) =>
      release.tool === tool.name && release.version === tool.module.version && release.platform === platform;
    const release = (this.#options.releases ?? RELEASES).find(fits);
    if (release === undefined) return false;
    this.#say([tool], 'release', `downloading ${release.url}`);
    try {
      const unfinished = join(cache, `.unfinished-${randomBytes(4).toString('hex')}`);
      await downloadTool(release, unfinished, this.#options.signal);
      await putInPlace(unfinished, join(cache, tool.name));
      return true;
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      this.#say([tool], 'release', error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  async #build(module: ToolModule, tools: readonly Tool[]): Promise<void> {
    const cache = this.#cacheOf(module);
    const unfinished = join(cache, `.unfinished-${randomBytes(4).toString('hex')}`);
    await mkdir(unfinished);
    const { signal } = this.#options;
    const progress = (message: string, remainingMs: number) => {
      this.#say(tools, SOURCES[module.kind], { message, remainingMs });
    };
    const options = { folder: unfinished, environment: this.#environment, progress, signal };
    const built = await makeTools(module, tools, options);
    for (const [name, path] of built) await putInPlace(path, join(cache, name));
    await rm(unfinished, { recursive: true, force: true });
  }

  #cacheOf(module: ToolModule): string {
    const platform = `${process.platform}-${process.arch}`;
    return join(cacheFolder(this.#environment), 'tools', `${module.name}-${module.version}-${platform}`);
  }

  #say(tools: readonly Tool[], source: ProgressEvent['source'], news: string | Pick<ProgressEvent, 'message' | 'remainingMs'>): void {
    const tool = tools.map(({ name }) => name).join(', ');
    const elapsedMs = performance.now() - this.#startedMs;
    this.#options.progress?.({ tool, source, elapsedMs, ...(typeof news === 'string' ? { message: news } : news) });
  }
}

const SOURCES = { go: 'go build', python: 'pip', maven: 'maven' } as const;

function makeTools(module: ToolModule, tools: readonly Tool[], options: BuildOptions): Promise<ReadonlyMap<ToolName, string>> {
  switch (module.kind) {
    case 'go':
      return buildTools(module, tools, options);
    case 'python':
      return installTools(module, tools, options);
    case 'maven':
      return packTools(module, tools, options);
  }
}

async function putInPlace(unfinished: string, path: string): Promise<void> {
  await chmod(unfinished, 0o755);
  await rename(unfinished, path);
}

/** What a killed process left behind. The lock is held, so nobody is at work on it. */
async function removeUnfinished(cache: string): Promise<void> {
  const leftovers = (await readdir(cache)).filter((name) => name.startsWith('.unfinished-'));
  for (const name of leftovers) await rm(join(cache, name), { recursive: true, force: true });
}

/** Where each tool is now, without making any: the path, or undefined when it would have to be downloaded or built. */
export async function findTools(names: readonly ToolName[]): Promise<ReadonlyMap<ToolName, string | undefined>> {
  const search = new Search({});
  return new Map(await Promise.all(names.map(async (name) => [name, await search.find(TOOLS[name])] as const)));
}
