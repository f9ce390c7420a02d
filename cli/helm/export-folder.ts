import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseFiles } from '../../domain/helm/values.ts';
import type { Survey } from '../../workers/dependencies.ts';

/**
 * Writes the chart and the values of a release below `FOLDER/NAMESPACE/RELEASE`, and returns where. Values may be secrets: nobody else can read the
 * files. Each is replaced as a whole; others in the folder stay.
 */
export async function writeRelease(folder: string, { release, archive }: Survey['releases'][number]): Promise<string> {
  const place = join(folder, release.namespace, release.name);
  await mkdir(place, { recursive: true, mode: 0o700 });
  const files = [{ path: 'chart.tgz', content: archive.bytes }, ...releaseFiles(release)];
  for (const { path, content } of files) {
    const temporary = join(place, `.${path}.${process.pid}.tmp`);
    await writeFile(temporary, content, { mode: 0o600 });
    await rename(temporary, join(place, path));
  }
  return place;
}
