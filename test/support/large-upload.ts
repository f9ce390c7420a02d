import { openStore, type StoreOptions } from '../../storage/open-store.ts';
import { SeededSource } from './large-source.ts';

/** Sends a large object and says how far it is, until somebody kills it. */
const [url = '', options = '{}', sizeBytes = '0'] = process.argv.slice(2);
const store = openStore(url, JSON.parse(options) as StoreOptions);
const source = new SeededSource('killed', Number(sizeBytes));
await store.createLarge('large/killed', source, {
  onProgress: (sent) => process.stdout.write(`${String(sent)}\n`),
});
