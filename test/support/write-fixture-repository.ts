import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateIdentity } from '../../repository/age-files.ts';
import { initRepository } from '../../repository/init.ts';
import { openRepository } from '../../repository/repository.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { DEMO, demoBackup } from '../damage/demo-location.ts';

/**
 * Writes the fixture of a new format version: `node test/support/write-fixture-repository.ts test/fixtures/repository/vN`. Fixtures that are there
 * are never written again: test/repository/fixture-repositories.test.ts reads each of them for ever.
 */
const [, , folder = ''] = process.argv;
await mkdir(folder, { recursive: false });
const { identity, recipient } = await generateIdentity();
await writeFile(join(folder, 'identity.txt'), `${identity}\n`);
const location = join(folder, 'location');
await mkdir(location);
const store = new FilesystemStore(location);
await initRepository(store, { recipients: [recipient] });
const repository = await openRepository(store, { identities: [identity] });
for (const [name, batches] of Object.entries(DEMO)) await demoBackup(repository, name, batches);
await repository.writeRecord({ kind: 'restore', id: 'r1', body: { ok: true } });
await repository.deleteBackups(['third']);
