import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type BundleOptions, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { FAILURE_CONVERTER_PATH } from './data-converter.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The one set of options for bundling: workers, tests and replay must agree. */
function bundleOptions(): BundleOptions {
  return { workflowsPath: join(ROOT, 'workflows', 'index.ts'), failureConverterPath: FAILURE_CONVERTER_PATH };
}

/**
 * The workflows as Temporal's sandbox loads them. Bundling takes a second or two, so the result is kept in `cacheFolder` under a hash of
 * the sources and of the SDK's version.
 */
export async function workflowBundle(cacheFolder: string): Promise<WorkflowBundleWithSourceMap> {
  const file = join(cacheFolder, `workflows-${await sourceHash()}.js`);
  const cached = await readFile(file, 'utf8').catch(() => undefined);
  if (cached !== undefined) return { code: cached, sourceMap: '' };
  const quiet = {
    log: () => undefined,
    trace: () => undefined,
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  const bundle = await bundleWorkflowCode({ ...bundleOptions(), logger: quiet });
  await mkdir(cacheFolder, { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, bundle.code);
  await rename(temporary, file);
  return bundle;
}

async function sourceHash(): Promise<string> {
  const hash = createHash('sha256');
  const sdk = createRequire(import.meta.url)('@temporalio/worker/package.json') as { version: string };
  hash.update(`${sdk.version} ${process.version}\n`);
  for (const folder of ['contracts', 'domain', 'workflows']) {
    const names = await readdir(join(ROOT, folder), { recursive: true });
    for (const name of names.sort()) {
      if (!/\.(ts|js)$/.test(name)) continue;
      hash.update(`${folder}/${name}\n`).update(await readFile(join(ROOT, folder, name)));
    }
  }
  hash.update(await readFile(FAILURE_CONVERTER_PATH));
  return hash.digest('hex').slice(0, 32);
}
