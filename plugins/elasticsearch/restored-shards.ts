import { field, isList, listAt, objectAt, textAt } from '../../domain/resource/fields.ts';
import type { SearchApi } from './search-api.ts';

/** What a cluster has, and which of it comes from one snapshot. */
export interface ShardsNow {
  /** Every index, hidden and closed ones too. */
  readonly present: ReadonlySet<string>;
  /** Indices that were restored from the snapshot, or are being. */
  readonly fromSnapshot: ReadonlySet<string>;
  /** Those of them that are not whole yet. */
  readonly unfinished: ReadonlySet<string>;
  /** Something is being restored, from whatever snapshot. */
  readonly isRestoring: boolean;
}

const RESTORED = /_INDEX_RESTORED$/;

/** Looks at every index of the cluster: a restore that was begun shows in its shards, whoever asks. */
export async function shardsNow(api: SearchApi, snapshot: string): Promise<ShardsNow> {
  const shards = await api.call('GET', '/_cat/shards?h=index,prirep,state,unassigned.reason&format=json');
  const indices = await api.call('GET', '/_cat/indices?h=index&expand_wildcards=all&format=json');
  const recovery = await api.call(
    'GET',
    '/_recovery?expand_wildcards=all&filter_path=*.shards.type,*.shards.primary,*.shards.stage,*.shards.source.snapshot',
  );
  const waiting = (isList(shards) ? shards : []).filter(
    (shard) => textAt(shard, 'prirep') === 'p' && textAt(shard, 'state') !== 'STARTED' && RESTORED.test(textAt(shard, 'unassigned.reason')),
  );
  const recovered = Object.entries(objectAt(recovery)).flatMap(([index, at]) =>
    listAt(at, 'shards')
      .filter((shard) => field(shard, 'primary') === true && textAt(shard, 'source', 'snapshot') === snapshot)
      .map((shard) => ({ index, isDone: textAt(shard, 'stage') === 'DONE' })),
  );
  const begun = waiting.map((shard) => textAt(shard, 'index'));
  const unfinished = new Set([...begun, ...recovered.filter(({ isDone }) => !isDone).map(({ index }) => index)]);
  return {
    present: new Set((isList(indices) ? indices : []).map((index) => textAt(index, 'index'))),
    fromSnapshot: new Set([...begun, ...recovered.map(({ index }) => index)]),
    unfinished,
    isRestoring: unfinished.size > 0,
  };
}
