import type { VerifyStoredInput, VerifyStoredResult } from '../../contracts/activities.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { CapturePart } from '../../contracts/manifest.ts';
import { readBackPacks } from '../../repository/check/read-back.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Pulse } from '../heartbeat.ts';

/** The store's clock and ours may differ by so much; reading a little more than what is new does no harm. */
const CLOCK_MARGIN_MS = 15 * 60_000;

/**
 * The cheap proof before the commit: every part can be read back and agrees with itself, every pack that it needs is there with its full size,
 * and of every pack that this backup wrote its table and one segment are read back and authenticated.
 */
export async function verifyStored(repository: Repository, input: VerifyStoredInput, pulse: Pulse): Promise<VerifyStoredResult> {
  const segments = new Set(input.parts);
  let objects = 0;
  for (const id of input.parts) {
    const part = (await repository.readDocument(id)) as CapturePart;
    for (const { segments: refs, count, type } of part.resources) {
      for (const segment of refs) segments.add(segment.id);
      if (refs.reduce((sum, ref) => sum + ref.count, 0) !== count) throw unproven(`the segments of ${type.resource} do not add up`);
      objects += count;
    }
    pulse.beat();
  }
  const since = input.startedAt === undefined ? {} : { since: Date.parse(input.startedAt) - CLOCK_MARGIN_MS };
  const { packs, missing, recent = [] } = await repository.statPacks([...segments], { signal: pulse.signal, ...since });
  const [first] = missing;
  if (first !== undefined) throw unproven(`${missing.length} of the packs just written cannot be found in full, the first is ${first}`);
  const onRead = (): void => {
    pulse.beat();
  };
  const readBack = await readBackPacks(repository.parts, { ids: segments, packs: recent }, { signal: pulse.signal, onRead });
  return { segments: segments.size, packs, objects, readBack };
}

function unproven(what: string): HoldfastError {
  return new HoldfastError(FailureType.Damaged, what, {
    advice: 'nothing was committed; check the location with `holdfast location check` and run the backup again',
  });
}
