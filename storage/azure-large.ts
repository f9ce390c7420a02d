import { createHash } from 'node:crypto';
import type { BlockBlobClient, BlockBlobCommitBlockListOptions } from '@azure/storage-blob';
import { azureCode, azureStatus } from './azure-errors.ts';
import type { CallOptions, LargeOptions, LargeSource } from './object-store.ts';
import { planParts, sendMissingParts } from './parts.ts';

/** Runs one request with a deadline of its own and its failures translated. */
type AzureRequest = <T>(options: CallOptions, request: (blob: BlockBlobClient, signal: AbortSignal) => Promise<T>) => Promise<T>;

const SMALLEST_PART_BYTES = 8 * 1024 * 1024;
/** Azure takes no more blocks in one blob. */
const MOST_PARTS = 50_000;

/**
 * Writes a blob from blocks. Blocks that were sent are invisible until they are committed, are found again by their names, which stand for
 * content, size and place, and are dropped by Azure a week after the last of them.
 */
export async function sendBlocks(
  run: AzureRequest,
  source: LargeSource,
  options: LargeOptions & { readonly commit: BlockBlobCommitBlockListOptions },
): Promise<void> {
  const parts = planParts(source.sizeBytes, { smallestBytes: SMALLEST_PART_BYTES, mostParts: MOST_PARTS });
  const names = blockNames(`${source.fingerprint}/${source.sizeBytes}`, parts.length);
  const sizes = await uncommitted(run, options);
  const present = new Set(parts.filter(({ index, range }) => sizes.get(names[index] ?? '') === range.length).map(({ index }) => index));
  await sendMissingParts({
    source,
    parts,
    present,
    send: async ({ index }, body, signal) => {
      await run({ signal }, (blob, abortSignal) =>
        blob.stageBlock(names[index] ?? '', Buffer.from(body), body.byteLength, { abortSignal }),
      );
    },
    signal: options.signal,
    onProgress: options.onProgress,
  });
  await run(options, (blob, abortSignal) => blob.commitBlockList(names, { ...options.commit, abortSignal }));
}

/** All of one blob must have the same length. */
export function blockNames(content: string, count: number): string[] {
  const identity = createHash('sha256').update(content).digest('hex').slice(0, 32);
  return Array.from({ length: count }, (_, index) => Buffer.from(`${identity}-${String(index).padStart(5, '0')}`).toString('base64'));
}

async function uncommitted(run: AzureRequest, options: CallOptions): Promise<ReadonlyMap<string, number>> {
  const found = await run(options, async (blob, abortSignal) => {
    try {
      return await blob.getBlockList('uncommitted', { abortSignal });
    } catch (error) {
      if (azureStatus(error) === 404 && azureCode(error) !== 'ContainerNotFound') return undefined;
      throw error;
    }
  });
  return new Map((found?.uncommittedBlocks ?? []).map(({ name, size }) => [name, size]));
}
