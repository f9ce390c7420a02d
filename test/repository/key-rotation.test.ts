import { describe, expect, it } from '@jest/globals';
import { makeOpener } from '../../repository/age-files.ts';
import { makeKeyFile } from '../../repository/key-files.ts';
import { addKey, listHolders, revokeKey } from '../../repository/key-changes.ts';
import { openKeyAdmin } from '../../repository/key-holders.ts';
import { rotateKeys } from '../../repository/key-rotation.ts';
import { openRepository } from '../../repository/repository.ts';
import { dataKeyOf } from '../../repository/sealed-box.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import { FaultyStore } from '../support/faulty-store.ts';
import type { MemoryStore } from '../support/memory-store.ts';
import {
  adminOf,
  AT,
  copyOf,
  FAST,
  keyFilesOf,
  openAs,
  PASSPHRASE,
  rotateAs,
  rotation,
  sharedRepository,
  type Person,
} from './key-places.ts';
import { backUp, restore, sampleManifest, sampleSegments, textOf } from './samples.ts';

/** Number of the data key in every box of a kind of file. */
function dataKeysBelow(store: MemoryStore, prefix: string): number[] {
  return [...store.objects].filter(([key]) => key.startsWith(prefix)).map(([, body]) => dataKeyOf(body.subarray(6)));
}

const namesOf = async (store: MemoryStore, person: Person) =>
  (await (await openAs(store, person)).backups()).map(({ manifest }) => manifest.name);

describe('a new data key', () => {
  it('seals what comes, reads what was there, and rewrites nothing', async () => {
    const { store, people } = await sharedRepository(2);
    const [ann, bob] = people as [Person, Person];
    await backUp(await openAs(store, ann), 'before', sampleSegments(1));
    const before = new Map(store.objects);
    const result = await rotateAs(store, ann);
    expect(result).toMatchObject({ number: 1, sequence: 2, finished: false, dropped: [], locked: [] });
    expect(result.holders.map(({ recipient }) => recipient).sort()).toEqual([ann.recipient, bob.recipient].sort());
    await backUp(await openAs(store, bob), 'after', sampleSegments(50));
    for (const [key, body] of before) if (!/^(keys|records)\//.test(key)) expect(store.objects.get(key)).toBe(body);
    expect(dataKeysBelow(store, 'manifests/')).toEqual([0, 1, 1]);
    expect(dataKeysBelow(store, 'index/').sort()).toEqual([0, 1]);
    expect(dataKeysBelow(store, 'packs/').sort()).toEqual([0, 1]);
    expect(keyFilesOf(store)).toHaveLength(2);
    for (const person of people) {
      const repository = await openAs(store, person);
      expect(await restore(repository, 'before')).toEqual(textOf(sampleSegments(1)));
      expect(await restore(repository, 'after')).toEqual(textOf(sampleSegments(50)));
      expect(await repository.problems()).toEqual([]);
    }
  });

  it('does not store again what is there already', async () => {
    const { store, people } = await sharedRepository(1);
    const [ann] = people as [Person];
    await backUp(await openAs(store, ann), 'before');
    await rotateAs(store, ann);
    const repository = await openAs(store, ann);
    const batch = repository.startBatch();
    for (const records of sampleSegments()) batch.add(records);
    expect(await batch.finish()).toMatchObject({ newSegments: 0, storedBytes: 0 });
    // An account that was written before the rotation is found to be equal.
    await rotateAs(store, ann);
    const body = { kind: 'restore', id: 'r', body: { n: 1 } };
    await repository.writeRecord(body);
    await (await openAs(store, ann)).writeRecord(body);
  });

  it('locks out who was revoked, also with a copy of his key file', async () => {
    const { store, people } = await sharedRepository(2);
    const [ann, eve] = people as [Person, Person];
    await backUp(await openAs(store, ann), 'before');
    const admin = await adminOf(store, ann);
    const hers = (await listHolders(admin)).find(({ holder }) => holder.recipient === eve.recipient)!;
    const copies = new Map(store.objects);
    const running = await openAs(store, eve);
    await revokeKey(admin, hers.holder.id, { force: false });
    await expect(openAs(store, eve)).rejects.toMatchObject({ type: 'WrongKey' });
    await rotateAs(store, ann);
    await backUp(await openAs(store, ann), 'after', sampleSegments(9));
    await expect(backUp(running, 'hers')).rejects.toMatchObject({ type: 'WrongKey' });
    for (const [key, body] of copies) if (key.startsWith('keys/')) store.objects.set(key, body);
    const repository = await openAs(store, eve);
    expect(await restore(repository, 'before')).toEqual(textOf(sampleSegments()));
    await expect(restore(repository, 'after')).rejects.toMatchObject({ type: 'NotFound' });
    expect(await namesOf(store, ann)).toEqual(['before', 'after']);
  });

  it('shows manifests that a former holder wrote', async () => {
    const { store, people } = await sharedRepository(2);
    const [ann, eve] = people as [Person, Person];
    const stolen = copyOf(store);
    await rotateAs(store, ann);
    await backUp(await openAs(stolen, eve), 'forged-1');
    await backUp(await openAs(stolen, eve), 'forged-2');
    for (const [key, body] of stolen.objects) if (!store.objects.has(key)) store.objects.set(key, body);
    const repository = await openAs(store, ann);
    expect((await repository.backups()).map(({ manifest }) => manifest.name)).toEqual([]);
    const problems = await repository.problems();
    expect(problems.map(({ code }) => code)).toEqual(['ManifestDamaged']);
    expect(problems[0]?.message).toContain('manifests/00000002');
    expect(problems[0]?.message).toContain('taken away');
  });

  it('is noticed by processes that have the repository open', async () => {
    const { store, people } = await sharedRepository(2);
    const [ann, bob] = people as [Person, Person];
    const [reader, writer] = [await openAs(store, bob), await openAs(store, bob)];
    const batch = writer.startBatch();
    const ids = sampleSegments(3).map((records) => batch.add(records));
    const part = batch.addDocument({ ids });
    await batch.finish();
    await rotateAs(store, ann);
    await writer.commit(sampleManifest('straddling', [part]));
    await backUp(await openAs(store, ann), 'next', sampleSegments(70));
    expect(dataKeysBelow(store, 'manifests/')).toEqual([1, 1, 1]);
    expect((await reader.backups()).map(({ manifest }) => manifest.name)).toEqual(['straddling', 'next']);
    expect(await restore(reader, 'next')).toEqual(textOf(sampleSegments(70)));
    expect(await restore(await openAs(store, ann), 'straddling')).toEqual(textOf(sampleSegments(3)));
  });

  it('that nobody made does not keep anybody from writing', async () => {
    const { store, people } = await sharedRepository(1);
    const [ann] = people as [Person];
    await rotateAs(store, ann);
    const rubbish = Buffer.alloc(5000, 0x52);
    rubbish.write('HFSTM\u0001', 'latin1');
    store.objects.set('manifests/00000002', rubbish);
    await backUp(await openAs(store, ann), 'after');
    expect(await namesOf(store, ann)).toEqual(['after']);
    expect((await (await openAs(store, ann)).problems()).map(({ code }) => code)).toEqual(['ManifestDamaged']);
  });

  it('may be made fifteen times', async () => {
    const { store, people } = await sharedRepository(1);
    const [ann] = people as [Person];
    for (let number = 1; number <= 15; number++) {
      await backUp(await openAs(store, ann), `b${String(number)}`, sampleSegments(number));
      expect((await rotateAs(store, ann)).number).toBe(number);
    }
    await expect(rotateAs(store, ann)).rejects.toMatchObject({ type: 'BadInput' });
    const repository = await openAs(store, ann);
    for (let number = 1; number <= 15; number++) {
      expect(await restore(repository, `b${String(number)}`)).toEqual(textOf(sampleSegments(number)));
    }
    expect(await repository.problems()).toEqual([]);
  });
});

describe('passphrases', () => {
  it('have to be given, or are left out when asked for', async () => {
    const { store, people } = await sharedRepository(1, { passphrase: true });
    const [ann] = people as [Person];
    const before = keyFilesOf(store);
    await expect(rotateAs(store, ann)).rejects.toMatchObject({ type: 'BadInput', message: expect.stringContaining('passphrase of key') });
    await expect(rotateAs(store, ann, { passphrases: ['wrong'] })).rejects.toMatchObject({ type: 'BadInput' });
    expect(keyFilesOf(store)).toEqual(before);
    await rotateAs(store, ann, { passphrases: ['wrong', PASSPHRASE] });
    await backUp(await openRepository(store, { passphrase: PASSPHRASE }), 'by-passphrase');
    expect(await namesOf(store, ann)).toEqual(['by-passphrase']);
    const result = await rotateAs(store, ann, { dropPassphrases: true });
    expect(result.dropped.map(({ type }) => type)).toEqual(['passphrase']);
    await expect(openRepository(store, { passphrase: PASSPHRASE })).rejects.toMatchObject({ type: 'WrongKey' });
    expect(await namesOf(store, ann)).toEqual(['by-passphrase']);
  });

  it('are added once', async () => {
    const { store, people } = await sharedRepository(1);
    const [ann] = people as [Person];
    const target = { passphrase: PASSPHRASE, scryptWorkFactor: FAST };
    expect(await addKey(await adminOf(store, ann), target, { label: 'safe', at: AT })).toMatchObject({ existed: false });
    expect(await addKey(await adminOf(store, ann), target, { label: 'safe', at: AT })).toMatchObject({
      existed: true,
      holder: { label: 'safe', type: 'passphrase', recipient: '' },
    });
    expect((await openRepository(store, { passphrase: PASSPHRASE })).id).toBe((await openAs(store, ann)).id);
    await expect(addKey(await adminOf(store, ann), { passphrase: '' }, { label: '', at: AT })).rejects.toMatchObject({ type: 'BadInput' });
  });
});

describe('a rotation that is killed', () => {
  it('at any call leaves everybody in, and repeating it finishes', async () => {
    const { store: original, people } = await sharedRepository(2);
    const [ann, bob] = people as [Person, Person];
    await backUp(await openAs(original, ann), 'before');
    let survived = 0;
    let completed = 0;
    // Killed at a call, or its answer lost while the process goes on and tidies up.
    for (const later of ['before', 'none'] as const) {
      for (let failing = 1; ; failing++) {
        const store = copyOf(original);
        let method = '';
        const dying = new FaultyStore(store, (call) => {
          if (call.number === failing) method = call.method;
          return call.number < failing ? 'none' : call.number === failing ? 'after' : later;
        });
        const outcome = await adminOf(dying, ann)
          .then((admin) => rotateKeys(admin, rotation()))
          .catch(() => undefined);
        // What a read leaves behind, the write before it has left behind.
        if (outcome === undefined && method !== 'create' && method !== 'delete') continue;
        // Whoever comes first works on as if nothing had happened, with whatever is there.
        for (const [index, person] of people.entries()) {
          const repository = await openAs(store, person);
          await backUp(repository, `by-${String(index)}`, sampleSegments(5 + index));
        }
        for (const person of people) {
          const repository = await openAs(store, person);
          expect(await restore(repository, 'before')).toEqual(textOf(sampleSegments()));
          expect(await restore(repository, 'by-0')).toEqual(textOf(sampleSegments(5)));
          expect(await restore(repository, 'by-1')).toEqual(textOf(sampleSegments(6)));
          expect(await repository.problems()).toEqual([]);
        }
        if (outcome) break;
        survived++;
        // Only an account of a key file that is gone may be left over: then it had been done, and this is the next one.
        const done = keyFilesOf(store).length === 2 && (await adminOf(store, bob)).keys.newest.dataKey.number === 1;
        const again = await rotateAs(store, bob);
        expect(again.number).toBe(done ? 2 : 1);
        completed += done ? 1 : 0;
        expect(keyFilesOf(store)).toHaveLength(2);
        expect((await listHolders(await adminOf(store, bob))).map(({ current }) => current)).toEqual([true, true]);
        for (const person of people) expect(await namesOf(store, person)).toEqual(['before', 'by-0', 'by-1']);
        await backUp(await openAs(store, ann), 'last', sampleSegments(80));
        expect(await restore(await openAs(store, bob), 'last')).toEqual(textOf(sampleSegments(80)));
      }
    }
    expect(survived).toBeGreaterThan(20);
    expect(completed).toBeLessThan(8);
  }, 240_000);
});

describe('several processes', () => {
  it('that rotate at once make one new data key, or one after the other', async () => {
    for (let round = 0; round < 12; round++) {
      const { store, people } = await sharedRepository(3);
      const admins = await Promise.all(people.map((person) => adminOf(store, person)));
      const results = await Promise.allSettled(admins.map((admin) => rotateKeys(admin, rotation())));
      const won = results.filter(({ status }) => status === 'fulfilled');
      expect(won.length).toBeGreaterThan(0);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ type: 'Conflict' });
      }
      for (const [index, person] of people.entries())
        await backUp(await openAs(store, person), `b${String(index)}`, sampleSegments(index * 9));
      for (const person of people) {
        const repository = await openAs(store, person);
        for (const index of people.keys())
          expect(await restore(repository, `b${String(index)}`)).toEqual(textOf(sampleSegments(index * 9)));
        expect(await repository.problems()).toEqual([]);
      }
      expect((await rotateAs(store, people[0]!)).holders).toHaveLength(3);
      expect(keyFilesOf(store)).toHaveLength(3);
    }
  }, 60_000);

  it('that rotate and add: whoever was told to be in stays in', async () => {
    const added: boolean[] = [];
    for (let delay = 0; delay < 40; delay += 2) {
      const { store, people } = await sharedRepository(2);
      const [ann, bob] = people as [Person, Person];
      const [carol] = (await sharedRepository(1)).people as [Person];
      // The addition starts when the rotation has come to a certain call.
      let start: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => (start = resolve));
      const watched = new FaultyStore(store, ({ number }) => {
        if (number === delay + 10) start();
        return 'none';
      });
      const adder = await adminOf(store, bob);
      const addition = begun.then(() => addKey(adder, { recipient: carol.recipient }, { label: 'carol', at: AT }));
      const [rotated, addedOrNot] = await Promise.allSettled([
        adminOf(watched, ann)
          .then((admin) => rotateKeys(admin, rotation()))
          .finally(() => {
            start();
          }),
        addition,
      ]);
      expect(rotated.status).toBe('fulfilled');
      if (addedOrNot.status === 'rejected') expect(addedOrNot.reason).toMatchObject({ type: 'Conflict' });
      added.push(addedOrNot.status === 'fulfilled');
      await backUp(await openAs(store, ann), 'after', sampleSegments(4));
      if (addedOrNot.status === 'fulfilled') expect(await namesOf(store, carol)).toEqual(['after']);
      await addKey(await adminOf(store, bob), { recipient: carol.recipient }, { label: 'carol', at: AT });
      expect(await restore(await openAs(store, carol), 'after')).toEqual(textOf(sampleSegments(4)));
      await rotateAs(store, carol);
      expect(keyFilesOf(store)).toHaveLength(3);
    }
    expect(new Set(added).size).toBe(2);
  }, 120_000);
});

describe('a former holder who can still write to the store', () => {
  /** Everything that eve knew before she was revoked and the repository got a new data key. */
  async function formerHolder() {
    const { store, people } = await sharedRepository(2);
    const [ann, eve] = people as [Person, Person];
    const before = copyOf(store);
    const admin = await adminOf(store, ann);
    const hers = (await listHolders(admin)).find(({ holder }) => holder.recipient === eve.recipient)!;
    await revokeKey(admin, hers.holder.id, { force: false });
    await rotateAs(store, ann);
    await backUp(await openAs(store, ann), 'safe');
    return { store, ann, eve, hers: await adminOf(before, eve) };
  }

  it('cannot plant a data key of his own in a key file for somebody else', async () => {
    const { store, ann, hers } = await formerHolder();
    const own = (number: number, sinceSequence: number) => ({ number, sinceSequence, createdAt: AT, secret: Buffer.alloc(32, 7) });
    for (const dataKeys of [[own(1, 1)], [own(1, 2)], [own(1, 0)], [own(2, 3)], [own(1, 1), own(2, 3)], [own(1, 0), own(2, 0)]]) {
      const attacked = copyOf(store);
      const file = await makeKeyFile(hers.keys, { recipient: ann.recipient }, dataKeys);
      attacked.objects.set(file.key, Buffer.from(file.bytes));
      await backUp(await openAs(attacked, ann), 'more', sampleSegments(30));
      expect(await namesOf(attacked, ann)).toEqual(['safe', 'more']);
      for (const [key, body] of attacked.objects) if (/^(manifests|index|packs)\//.test(key)) expect(dataKeyOf(body.subarray(6))).toBe(1);
      // Where the true file is gone, nothing is believed that contradicts the chain.
      expect(await (await openAs(attacked, ann)).problems()).toEqual([]);
    }
  });

  it('does not get the next data key by saying that a key file is known', async () => {
    const { store, ann, eve, hers } = await formerHolder();
    const { writeHolderFile, newHolder } = await import('../../repository/key-holders.ts');
    const target = { recipient: eve.recipient };
    await writeHolderFile({ ...hers, store }, { holder: newHolder({ target, label: 'backup operator', addedAt: AT }), target }, {}).catch(
      () => 'x',
    );
    const { Records } = await import('../../repository/records.ts');
    const { BoxSealer } = await import('../../repository/sealed-box.ts');
    const records = new Records(store, hers.keys, new BoxSealer(hers.keys));
    await writeHolderFile(
      { store, keys: hers.keys, records },
      { holder: newHolder({ target, label: 'operator', addedAt: AT }), target },
      {},
    );
    await expect(rotateAs(store, ann)).rejects.toMatchObject({ type: 'BadInput', message: expect.stringContaining('nobody knows whose') });
    expect((await listHolders(await adminOf(store, ann))).filter(({ known }) => !known)).not.toHaveLength(0);
    const result = await rotateAs(store, ann, { dropUnknown: true });
    expect(result.holders.map(({ recipient }) => recipient)).toEqual([ann.recipient]);
    await expect(openAs(store, eve)).rejects.toMatchObject({ type: 'WrongKey' });
  });
});

describe('taking a key away', () => {
  it('is refused for the last one and the one in use', async () => {
    const { store, people } = await sharedRepository(2);
    const [ann, bob] = people as [Person, Person];
    const admin = await adminOf(store, ann);
    const [mine, his] = [ann, bob].map(({ recipient }) => recipient);
    const rows = await listHolders(admin);
    const idOf = (recipient: string | undefined) => rows.find(({ holder }) => holder.recipient === recipient)!.holder.id;
    expect(rows.map(({ opens }) => opens).filter(Boolean)).toHaveLength(1);
    await expect(revokeKey(admin, idOf(mine), { force: false })).rejects.toMatchObject({
      type: 'BadInput',
      message: expect.stringContaining('in use'),
    });
    for (const id of ['', 'abc', 'zzzzzzzz'])
      await expect(revokeKey(admin, id, { force: true })).rejects.toMatchObject({ type: 'NotFound' });
    await revokeKey(admin, idOf(his), { force: false });
    await expect(revokeKey(await adminOf(store, ann), idOf(mine), { force: false })).rejects.toMatchObject({
      message: expect.stringContaining('last key'),
    });
    await revokeKey(admin, idOf(mine), { force: true });
    expect(keyFilesOf(store)).toEqual([]);
    expect([...store.objects.keys()].filter((key) => key.startsWith('records/'))).toEqual([]);
  });

  it('says what a lock of the store keeps, and a rotation goes round it', async () => {
    const { store, people } = await sharedRepository(2);
    const [ann, bob] = people as [Person, Person];
    const locked = new Proxy(store, {
      get: (target, property) =>
        property === 'delete'
          ? (key: string) => Promise.reject(new HoldfastError('Locked', `${key} is locked`))
          : property === 'stat'
            ? async (key: string) => ({ ...(await target.stat(key)), lockedUntil: AT })
            : (Reflect.get(target, property) as unknown),
    });
    const admin = await openKeyAdmin({ store, maintenance: locked }, { identities: [ann.identity] });
    const his = (await listHolders(admin)).find(({ holder }) => holder.recipient === bob.recipient)!;
    expect((await revokeKey(admin, his.holder.id, { force: false })).locked).toHaveLength(1);
    const result = await rotateKeys(admin, rotation());
    expect(result.locked.length).toBeGreaterThan(0);
    await backUp(await openAs(store, ann), 'after');
    expect(await namesOf(store, bob)).toEqual(['after']);
  });

  it('leaves key files that nobody else opens', async () => {
    const { store, people } = await sharedRepository(2, { passphrase: true });
    const [ann, bob] = people as [Person, Person];
    for (const key of keyFilesOf(store)) {
      const file = store.objects.get(key)!;
      const opens = await Promise.all(
        [{ identities: [ann.identity] }, { identities: [bob.identity] }, { passphrase: PASSPHRASE }].map(async (credentials) =>
          Boolean(await (await makeOpener(credentials))(file)),
        ),
      );
      expect(opens.filter(Boolean)).toHaveLength(1);
    }
  });
});
