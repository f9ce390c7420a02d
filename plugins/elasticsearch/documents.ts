import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../../contracts/json.ts';
import { field, isList, listAt, objectAt, textAt } from '../../domain/resource/fields.ts';
import type { SearchApi } from './search-api.ts';

/** How much an index holds at a moment. */
export interface IndexCount {
  readonly documents: number;
  /** Changes with every write to it. */
  readonly mark: string;
}

const STATS =
  'filter_path=indices.*.uuid,indices.*.primaries.docs.count,indices.*.shards.*.routing.primary,indices.*.shards.*.seq_no.max_seq_no';

/** The documents of every open index, hidden ones too, by its name; nested ones are counted as the engine counts them. */
export async function countDocuments(api: SearchApi): Promise<ReadonlyMap<string, IndexCount>> {
  // What is not refreshed is not counted. Where we may not, the count is that of the last refresh.
  await api.ask('POST', '/_refresh?expand_wildcards=open,hidden&ignore_unavailable=true');
  const stats = await api.call('GET', `/_stats/docs?level=shards&expand_wildcards=open,hidden&${STATS}`);
  const indices = Object.entries(objectAt(stats, 'indices'));
  return new Map(
    indices.map(([name, index]) => {
      const documents = numberOf(field(index, 'primaries', 'docs', 'count'));
      return [name, { documents, mark: `${textAt(index, 'uuid')}:${lastSequence(index)}` }];
    }),
  );
}

/** Short for all marks together. */
export function digestOf(counts: ReadonlyMap<string, IndexCount>): string {
  const lines = [...counts].map(([name, { mark }]) => `${name} ${mark}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32);
}

/** Primaries only, one copy a shard: the highest sequence number of each, added up. */
function lastSequence(index: Json | undefined): number {
  const shards: readonly (Json | undefined)[] = Object.values(objectAt(index, 'shards'));
  const primaries = shards.flatMap((copies) => (isList(copies) ? copies : [])).filter((copy) => field(copy, 'routing', 'primary') === true);
  return primaries.reduce<number>((sum, copy) => sum + numberOf(field(copy, 'seq_no', 'max_seq_no')), 0);
}

function numberOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0;
}

/** An index of a snapshot, as it is kept with the backup. */
export interface KeptIndex {
  readonly name: string;
  /** Absent where the count is not that of the snapshot: it was written to meanwhile, or is closed. */
  readonly documents?: number;
  /** The data stream that it belongs to; '' for none. */
  readonly stream: string;
}

/** The backing indices of data streams, with their stream. Empty where the server has no data streams. */
export async function streamsByIndex(api: SearchApi): Promise<ReadonlyMap<string, string>> {
  const answer = await api.ask('GET', '/_data_stream?expand_wildcards=all');
  const streams = answer.status < 300 ? listAt(answer.body, 'data_streams') : [];
  const pairs = streams.flatMap((stream) =>
    listAt(stream, 'indices').map((index) => [textAt(index, 'index_name'), textAt(stream, 'name')] as const),
  );
  return new Map(pairs);
}

/** Reads back what was kept. */
export function readKeptIndices(list: Json): readonly KeptIndex[] {
  return listAt(list, 'indices').map((index) => {
    const documents = field(index, 'documents');
    return {
      name: textAt(index, 'name'),
      stream: textAt(index, 'stream'),
      ...(typeof documents === 'number' ? { documents } : {}),
    };
  });
}

/** Of a snapshot, as the server describes it: the indices that belong to features of the server itself. */
export function systemIndices(snapshot: JsonObject): ReadonlySet<string> {
  const names = listAt(snapshot, 'feature_states').flatMap((feature) => listAt(feature, 'indices'));
  return new Set(names.filter((name) => typeof name === 'string'));
}
