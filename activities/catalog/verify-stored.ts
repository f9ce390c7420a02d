import type { VerifyStoredInput, VerifyStoredResult } from '../../contracts/activities.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { CapturePart } from '../../contracts/manifest.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Pulse } from '../heartbeat.ts';

/** The cheap proof before the commit: every part can be read back, and every pack that it needs is there with its full size. */
export async function verifyStored(repository: Repository, input: VerifyStoredInput, pulse: Pulse): Promise<VerifyStoredResult> {
  const segments = new Set(input.parts);
  let objects = 0;
  for (const id of input.parts) {
    const part = (await repository.readDocument(id)) as CapturePart;
    for (const resource of part.resources) for (const segment of resource.segments) segments.add(segment.id);
    objects += part.resources.reduce((sum, { count }) => sum + count, 0);
    pulse.beat();
  }
  const { packs, missing } = await repository.statPacks([...segments], { signal: pulse.signal });
  const [first] = missing;
  if (first !== undefined) {
    throw new HoldfastError(
      FailureType.Damaged,
      `${missing.length} of the packs just written cannot be found in full, the first is ${first}`,
      {
        advice: 'nothing was committed; check the location with `holdfast location check` and run the backup again',
      },
    );
  }
  return { segments: segments.size, packs, objects };
}
