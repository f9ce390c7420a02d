import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { chartArchive } from './chart-archive.ts';
import { ChartMuseum } from './chart-museum.ts';
import { decodeRecord, movedRecord } from './decode-record.ts';
import { OciRegistry } from './oci-registry.ts';
import type { Charts } from './port.ts';
import type { RepositorySettings } from './repository-client.ts';

/** `settings` finds a repository's settings by its name, secrets read; undefined when there is none of that name. */
export function createCharts(known: readonly string[], settings: (name: string) => Promise<RepositorySettings | undefined>): Charts {
  return {
    decode: decodeRecord,
    archive: chartArchive,
    moved: movedRecord,
    repository: async (name) => {
      const found = await settings(name);
      if (found) return found.url.startsWith('oci://') ? new OciRegistry(found) : new ChartMuseum(found);
      throw new HoldfastError(FailureType.NotFound, `chart repository "${name}" is not configured`, {
        advice: known.length === 0 ? 'add it to `chartRepositories` of the configuration, see docs/helm.md' : `known: ${known.join(', ')}`,
      });
    },
  };
}
