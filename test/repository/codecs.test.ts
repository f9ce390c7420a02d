import { createCipheriv, randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KeyMaterial, type BoxKind } from '../../repository/key-material.ts';
import { decodeIndex, decodeTrailer, encodeIndex, encodeTrailer } from '../../repository/pack-table.ts';
import { BoxSealer } from '../../repository/sealed-box.ts';
import { joinRecords, SegmentCodec, splitRecords } from '../../repository/segment-codec.ts';
import { SegmentTable } from '../../repository/segment-table.ts';
import { newRepository } from './samples.ts';

const ID = '00112233445566778899aabbccddeeff';
const keys = new KeyMaterial(ID, Buffer.alloc(32, 1));
const sealer = new BoxSealer(keys);
const codec = new SegmentCodec(keys);
const bytes = fc.uint8Array({ maxLength: 2000 }).map((array) => Buffer.from(array));
const label = fc.record({ kind: fc.constantFrom<BoxKind>('segment', 'trailer', 'index', 'manifest', 'record'), name: fc.string() });
const frame = fc.record({
  id: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((id) => Buffer.from(id)),
  offset: fc.nat(),
  length: fc.nat(),
  plainLength: fc.nat(),
});

describe('boxes', () => {
  it('return what was put in, and equal content makes equal bytes', () => {
    fc.assert(
      fc.property(label, bytes, fc.boolean(), (where, plain, pad) => {
        const box = sealer.seal(where, plain, pad);
        expect(sealer.open(where, box, 'here').equals(plain)).toBe(true);
        expect(sealer.seal(where, plain, pad).equals(box)).toBe(true);
        if (pad) expect((box.length - 33) % 4096).toBe(0);
      }),
    );
  });

  it('are the same when another thread compresses', async () => {
    await fc.assert(
      fc.asyncProperty(label, bytes, fc.integer({ min: 1, max: 300 }), async (where, part, times) => {
        const plain = Buffer.concat(Array.from({ length: times }, () => part));
        expect((await sealer.sealAside(where, plain)).equals(sealer.seal(where, plain))).toBe(true);
      }),
      { numRuns: 40 },
    );
    const noise = randomBytes(3_000_000);
    const where = { kind: 'segment', name: 'noise' } as const;
    expect((await sealer.sealAside(where, noise)).equals(sealer.seal(where, noise))).toBe(true);
  });

  it('open with no bit changed, under no other name, kind, repository or key', () => {
    fc.assert(
      fc.property(label, bytes, fc.boolean(), fc.nat(), (where, plain, pad, place) => {
        const box = sealer.seal(where, plain, pad);
        const refused = (open: () => unknown) => {
          expect(open).toThrow(expect.objectContaining({ type: 'Damaged' }));
        };
        const changed = Buffer.from(box);
        const bit = place % (box.length * 8);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        refused(() => sealer.open(where, changed, 'here'));
        refused(() => sealer.open(where, box.subarray(0, place % box.length), 'here'));
        refused(() => sealer.open({ ...where, name: `${where.name}x` }, box, 'here'));
        refused(() => sealer.open({ ...where, kind: where.kind === 'index' ? 'record' : 'index' }, box, 'here'));
        refused(() => new BoxSealer(new KeyMaterial(ID.replace('0', '1'), Buffer.alloc(32, 1))).open(where, box, 'here'));
        refused(() => new BoxSealer(new KeyMaterial(ID, Buffer.alloc(32, 2))).open(where, box, 'here'));
      }),
    );
  });

  /** A box made by somebody who has the key, with any content. */
  function forged(codecByte: number, plainLength: number, payload: Uint8Array): Buffer {
    const head = Buffer.alloc(5);
    head.writeUInt8(codecByte);
    head.writeUInt32BE(plainLength, 1);
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', keys.newest.key('index/data'), nonce);
    cipher.setAAD(Buffer.concat([Buffer.from(`holdfast/v1/index/${ID}//`), head]));
    return Buffer.concat([head, nonce, cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
  }
  const open = (box: Buffer) => sealer.open({ kind: 'index', name: '' }, box, 'here');

  it('of an unknown codec are of a newer format', () => {
    expect(() => open(forged(3, 1, Buffer.alloc(1)))).toThrow(expect.objectContaining({ type: 'NewerFormat' }));
  });

  it('do not expand beyond the size that they claim', () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(10_000);
    // By the limit while expanding, not by the size afterwards.
    expect(() => open(forged(1, 100, bomb))).toThrow('does not decompress');
    expect(() => open(forged(1, 0xffff_ffff, bomb))).toThrow(expect.objectContaining({ type: 'Damaged' }));
    expect(() => open(forged(1, 64 * 1024 * 1024 + 1, bomb))).toThrow(expect.objectContaining({ type: 'Damaged' }));
    expect(() => open(forged(0, 3, Buffer.alloc(2)))).toThrow(expect.objectContaining({ type: 'Damaged' }));
    expect(() => open(forged(2, 3, Buffer.alloc(2)))).toThrow(expect.objectContaining({ type: 'Damaged' }));
    expect(() => open(forged(2, 3, Buffer.alloc(4, 0xff)))).toThrow(expect.objectContaining({ type: 'Damaged' }));
    expect(() => open(forged(1, 3, Buffer.from('not zstd')))).toThrow(expect.objectContaining({ type: 'Damaged' }));
  });
});

describe('segments', () => {
  it('return their records', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 30 }), (records) => {
        const plain = joinRecords(records);
        expect(splitRecords(plain, 'here')).toEqual(records);
        const id = codec.idOf(plain);
        expect(codec.open(id, codec.frame(id, plain), 'here').equals(plain)).toBe(true);
      }),
    );
  });

  it('are refused under an id that is not that of their content', () => {
    const id = codec.idOf(Buffer.from('other'));
    expect(() => codec.open(id, codec.frame(id, Buffer.from('plain')), 'here')).toThrow(expect.objectContaining({ type: 'Damaged' }));
  });

  it('are refused when their records do not add up', () => {
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 3 }), (records, cut) => {
        const plain = joinRecords(records);
        expect(() => splitRecords(plain.subarray(0, plain.length - cut), 'here')).toThrow(expect.objectContaining({ type: 'Damaged' }));
      }),
    );
  });

  it('come back from packs, whatever was put in', async () => {
    const { repository } = await newRepository();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(bytes, { maxLength: 5 }), { maxLength: 20 }), async (segments) => {
        const batch = repository.startBatch();
        const ids = segments.map((records) => batch.add(records));
        await batch.finish();
        let position = 0;
        for await (const { id, records } of repository.readSegments(ids)) {
          expect(id).toBe(ids[position]);
          expect(records).toEqual(segments[position++]);
        }
        expect(position).toBe(ids.length);
      }),
      { numRuns: 30 },
    );
  });
});

describe('tables', () => {
  it('return what was put in', () => {
    const pack = fc.record({
      packId: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((id) => Buffer.from(id).toString('hex')),
      sizeBytes: fc.nat(),
      frames: fc.array(frame, { maxLength: 10 }),
    });
    fc.assert(
      fc.property(fc.array(pack, { maxLength: 5 }), fc.nat(9), (packs, generation) => {
        expect([...decodeIndex(encodeIndex(packs, generation), 'here')]).toEqual(packs);
        const [first] = packs;
        if (first) expect(decodeTrailer(encodeTrailer(first.frames, generation), 'here')).toEqual(first.frames);
      }),
    );
  });

  it('are refused when they end early', () => {
    const plain = encodeIndex(
      [{ packId: 'ab'.repeat(32), sizeBytes: 1, frames: [{ id: Buffer.alloc(32), offset: 1, length: 2, plainLength: 3 }] }],
      0,
    );
    for (let length = 5; length < plain.length; length++) {
      expect(() => [...decodeIndex(plain.subarray(0, length), 'here')]).toThrow(expect.objectContaining({ type: 'Damaged' }));
    }
    expect(() => decodeTrailer(Buffer.alloc(47), 'here')).toThrow(expect.objectContaining({ type: 'Damaged' }));
  });

  it('find every place of every segment, in little memory', () => {
    const table = new SegmentTable();
    const before = process.memoryUsage().arrayBuffers;
    const count = 300_000;
    const id = (index: number) => {
      const bytes32 = Buffer.alloc(32);
      bytes32.writeUInt32LE(Math.imul(index, 2654435761) >>> 0, 0);
      bytes32.writeUInt32LE(index, 8);
      return bytes32;
    };
    for (let index = 0; index < count; index++) table.add(id(index), { pack: index % 7, offset: index, length: 1, plainLength: 2 });
    table.add(id(5), { pack: 8, offset: 9, length: 10, plainLength: 11 });
    expect(table.size).toBe(count + 1);
    for (let index = 0; index < count; index += 997)
      expect(table.find(id(index))[0]).toEqual({ pack: index % 7, offset: index, length: 1, plainLength: 2 });
    expect(table.find(id(5))).toHaveLength(2);
    expect(table.find(id(count + 1))).toEqual([]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200 * count);
  });
});
