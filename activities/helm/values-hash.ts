import type { JsonObject } from '../../contracts/json.ts';
import { canonicalJson } from '../../domain/helm/values.ts';
import type { Repository } from '../../repository/repository.ts';
import type { HashValues } from './survey-releases.ts';

/** In front of what is hashed, so that the hash is no segment's id. */
const PURPOSE = 'helm/values\0';

/**
 * Hashes values with the repository's key: equal values have equal hashes in one repository, and who has no key cannot find out by trying what a short
 * value is.
 */
export function hashOfValues(repository: Repository): HashValues {
  const { codec } = repository.parts;
  return (values: JsonObject) => codec.idOf(Buffer.from(`${PURPOSE}${canonicalJson(values)}`)).toString('hex');
}
