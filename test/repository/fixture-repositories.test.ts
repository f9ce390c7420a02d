import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { checkLocation } from '../../repository/check/check-location.ts';
import { BackupVerifier } from '../../repository/check/verify-backup.ts';
import { openRepository } from '../../repository/repository.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { readBack } from '../damage/demo-location.ts';

/**
 * A small demo repository of every format version, with its key, as the code of its time wrote it. What is asserted here must stay true for
 * ever: a change that breaks it is a new format version, with a fixture of its own (test/support/write-fixture-repository.ts).
 */
const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'repository');

describe.each(readdirSync(FIXTURES))('the demo repository of format %s', (version) => {
  it('is sound, and every object of it can be read', async () => {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-fixture-'));
    try {
      cpSync(join(FIXTURES, version, 'location'), root, { recursive: true });
      const credentials = { identities: [readFileSync(join(FIXTURES, version, 'identity.txt'), 'utf8').trim()] };
      const store = new FilesystemStore(root);
      const { report } = await checkLocation(store, credentials, { readDataPercent: 100, seed: '00000000', now: Date.now });
      expect([report.state, report.findings.filter(({ severity }) => severity !== 'note')]).toEqual(['sound', []]);
      const repository = await openRepository(store, credentials);
      const names = (await repository.backups()).map(({ manifest }) => manifest.name);
      expect(names).toEqual(['first', 'second']);
      const verifier = new BackupVerifier(repository, { samplePercent: 100, seed: '00000000' });
      for (const name of names) {
        const objects = name === 'first' ? 42 : 44;
        expect(await readBack(repository, name)).toEqual({ right: objects, wrong: 0, lost: 0 });
        expect(await verifier.verify(await repository.findBackup(name))).toMatchObject({ state: 'whole', objects: { read: objects } });
      }
      expect(await repository.readRecord('restore', 'r1')).toEqual({ kind: 'restore', id: 'r1', body: { ok: true } });
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
