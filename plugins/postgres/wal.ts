import type { Json } from '../../contracts/json.ts';
import { field, listAt } from '../../domain/resource/fields.ts';

/** The write-ahead log that a backup cannot start without: from its first segment to its last. */
export interface WalRange {
  readonly first: string;
  readonly last: string;
}

/** Lists what the server has of a range, as JSON: names, and the size of a segment in bytes. */
export function walListing({ first, last }: WalRange): string {
  return `SELECT json_build_object('names', coalesce(json_agg(name ORDER BY name), '[]'), 'bytes', max(size)) FROM pg_ls_waldir()
    WHERE name ~ '^[0-9A-F]{24}$' AND name COLLATE "C" BETWEEN '${segment(first)}' AND '${segment(last)}'`.replace(/\s+/g, ' ');
}

/** How many segments of the range a listing lacks. */
export function missingSegments({ first, last }: WalRange, listing: Json): number {
  const names = listAt(listing, 'names').length;
  const bytes = field(listing, 'bytes');
  if (typeof bytes !== 'number' || bytes <= 0 || first.slice(0, 8) !== last.slice(0, 8)) return 1;
  const perFile = 2 ** 32 / bytes;
  const numberOf = (name: string) => Number.parseInt(name.slice(8, 16), 16) * perFile + Number.parseInt(name.slice(16), 16);
  return numberOf(last) - numberOf(first) + 1 - names;
}

/** The shell command that writes a tar of the range, from the data folder's pg_wal. The shell chooses: a URL has no room for all names. */
export function walTar(folder: string, { first, last }: WalRange): readonly string[] {
  const script = `
cd "$1/pg_wal" || exit 1
first=$2 last=$3; set --
for name in ????????????????????????; do
  if [ ! "$name" \\< "$first" ] && [ ! "$name" \\> "$last" ]; then set -- "$@" "$name"; fi
done
exec tar -cf - "$@"`;
  return ['sh', '-c', script, 'holdfast', folder, first, last];
}

/** A segment's name as the server gave it; anything else must not get into a statement. */
function segment(name: string): string {
  if (!/^[0-9A-F]{24}$/.test(name)) throw new Error(`"${name}" is no segment of the write-ahead log`);
  return name;
}

/** `START WAL LOCATION: 0/2000028 (file 000000010000000000000002)` of a backup_label. */
export function firstSegment(label: string): string {
  return /^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)/m.exec(label)?.[1] ?? '';
}
