import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A text that is planted as a secret and must be found nowhere else. */
export function newCanary(what: string): string {
  return `canary-${what}-${randomBytes(9).toString('hex')}`;
}

/** The text as it is, and as it looks inside of base64 at each of its three alignments. */
function disguises(canary: string): readonly Buffer[] {
  const encoded = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), Buffer.from(canary)]).toString('base64');
    // Letters at both ends also depend on the neighbours.
    return text.slice(shift === 0 ? 0 : 4, text.length - 4);
  });
  return [canary, ...encoded].map((text) => Buffer.from(text));
}

/** Where canaries are found: `what: canary`. */
export function findCanaries(what: string, bytes: Uint8Array, canaries: readonly string[]): string[] {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return canaries.flatMap((canary) => (disguises(canary).some((needle) => haystack.includes(needle)) ? [`${what}: ${canary}`] : []));
}

/** Looks into every file below a folder, whatever it is: logs, databases with their write-ahead logs, temporary files. */
export async function canariesInFolder(folder: string, canaries: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder, { recursive: true }).catch(() => [])) {
    const file = join(folder, name);
    const info = await stat(file).catch(() => undefined);
    if (!info?.isFile()) continue;
    found.push(...findCanaries(file, await readFile(file).catch(() => Buffer.alloc(0)), canaries));
  }
  return found;
}
