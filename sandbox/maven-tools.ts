import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { BuildOptions } from './build-tools.ts';
import { executableOnPath } from './find-tool.ts';
import type { MavenModule, Tool, ToolName } from './tool-catalogue.ts';

const run = promisify(execFile);
const TOOLS = fileURLToPath(new URL('tools/', import.meta.url));
/** A zip archive may begin with anything: this, with the archive after it, is one executable file. */
const STUB = '#!/bin/sh\nexec java -jar "$0" "$@"\n';

/**
 * Packs the Java program that is a tool, from the versions that its pom.xml pins, into one executable file. Rejects with `NotFound` without Java
 * or Maven, and with `Unavailable` when Maven fails.
 */
export async function packTools(
  module: MavenModule,
  tools: readonly Tool[],
  options: BuildOptions,
): Promise<ReadonlyMap<ToolName, string>> {
  const names = tools.map(({ name }) => name).join(', ');
  const advice = `install Java 17 and Maven, or set HOLDFAST_BIN to a folder that has ${names}`;
  for (const needed of ['java', 'mvn']) {
    if ((await executableOnPath(options.environment['PATH'] ?? '', needed)) !== undefined) continue;
    throw new HoldfastError(FailureType.NotFound, `${names} ${module.version} not found, and no ${needed} to pack it with`, { advice });
  }
  options.progress(`packing ${module.version} with Maven, once`, 1000 * tools.reduce((sum, { buildSeconds }) => sum + buildSeconds, 0));
  const pom = join(TOOLS, module.name, 'pom.xml');
  try {
    await run('mvn', ['-q', '-B', '-f', pom, 'package', `-Dholdfast.build=${options.folder}`], {
      env: { ...options.environment },
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new HoldfastError(FailureType.Unavailable, `Maven could not pack ${names} ${module.version}`, { advice, cause });
  }
  const packed = new Map<ToolName, string>();
  for (const { name } of tools) {
    const file = join(options.folder, name);
    await writeFile(file, Buffer.concat([Buffer.from(STUB), await readFile(`${file}.jar`)]));
    packed.set(name, file);
  }
  return packed;
}
