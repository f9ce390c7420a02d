import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { KeyMaterial } from '../../repository/key-material.ts';
import { fileHeader } from '../../repository/file-header.ts';
import { encodeIndex, encodeTrailer } from '../../repository/pack-table.ts';
import { PackWriter } from '../../repository/pack-writer.ts';
import { BoxSealer } from '../../repository/sealed-box.ts';
import { joinRecords, SegmentCodec } from '../../repository/segment-codec.ts';

/** The example of docs/repository-format.md, made by today's code and, where it is short, by nothing but node:crypto. */
const REPOSITORY_ID = '00112233445566778899aabbccddeeff';
const MASTER_KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const RECORDS = [Buffer.from('{"a":1}'), Buffer.from('{"b":2}')];
/** Long enough to be compressed. How zstd does it may change, so these bytes are opened, not made anew. */
const LONGER = [Buffer.from('{"kind":"ConfigMap","metadata":{"name":"a"}}'), Buffer.from('{"kind":"ConfigMap","metadata":{"name":"b"}}')];
const READ_ONLY = 'compressed box';

function keyFor(purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', MASTER_KEY, Buffer.from(REPOSITORY_ID, 'hex'), `holdfast/v1/${purpose}`, 32));
}

function example(): ReadonlyMap<string, string> {
  const keys = new KeyMaterial(REPOSITORY_ID, MASTER_KEY);
  const sealer = new BoxSealer(keys);
  const codec = new SegmentCodec(keys);
  const plain = joinRecords(RECORDS);
  const id = codec.idOf(plain);
  const box = codec.frame(id, plain);
  const writer = new PackWriter(codec);
  writer.add({ id, plain }, box, 0);
  const pack = writer.close(sealer, 0);
  const aad = Buffer.concat([Buffer.from(`holdfast/v1/segment/${REPOSITORY_ID}/${id.toString('hex')}/`), box.subarray(0, 5)]);
  const index = Buffer.concat([fileHeader('I'), sealer.seal({ kind: 'index', name: '' }, encodeIndex([pack.table], 0))]);
  const longer = joinRecords(LONGER);
  const values: Readonly<Record<string, Buffer>> = {
    'repository id': Buffer.from(REPOSITORY_ID, 'hex'),
    'master key': MASTER_KEY,
    'segment, plain': plain,
    'key segment/id': keyFor('segment/id'),
    'segment id': id,
    'key segment/data': keyFor('segment/data'),
    'key segment/nonce': keyFor('segment/nonce'),
    box: box,
    'box: head': box.subarray(0, 5),
    'box: nonce': box.subarray(5, 17),
    'box: ciphertext': box.subarray(17, -16),
    'box: tag': box.subarray(-16),
    'box: additional data': aad,
    'trailer, plain': encodeTrailer(pack.table.frames, 0),
    pack: pack.bytes,
    'pack id': Buffer.from(pack.table.packId, 'hex'),
    'index, plain': encodeIndex([pack.table], 0),
    index: index,
    'compressed segment, plain': longer,
    'compressed segment id': codec.idOf(longer),
  };
  return new Map(Object.entries(values).map(([name, bytes]) => [name, bytes.toString('hex')]));
}

/** `name = hex`, the hexadecimal digits broken over indented lines. */
function documented(): ReadonlyMap<string, string> {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'repository-format.md'), 'utf8');
  const block = /```example\n(.*?)```/s.exec(text)?.[1] ?? '';
  return new Map(
    [...block.matchAll(/^(\S[^=\n]*?) =((?:\s+[0-9a-f]+)+)$/gm)].map(([, name = '', hex = '']) => [name, hex.replaceAll(/\s/g, '')]),
  );
}

describe('the worked example of the format', () => {
  it('is what this code writes, byte for byte', () => {
    const { [READ_ONLY]: box = '', ...rest } = Object.fromEntries(documented());
    expect(rest).toEqual(Object.fromEntries(example()));
    const codec = new SegmentCodec(new KeyMaterial(REPOSITORY_ID, MASTER_KEY));
    const plain = joinRecords(LONGER);
    expect(Buffer.from(box, 'hex')[0]).toBe(1);
    expect(codec.open(codec.idOf(plain), Buffer.from(box, 'hex'), 'the example')).toEqual(plain);
  });

  it('follows from the text with nothing of ours', () => {
    const of = (name: string): Buffer => Buffer.from(documented().get(name) ?? '', 'hex');
    const mac = (key: Buffer, ...parts: Buffer[]): Buffer => createHmac('sha256', key).update(Buffer.concat(parts)).digest();
    expect(mac(of('key segment/id'), of('segment, plain'))).toEqual(of('segment id'));
    // Codec 0: the payload is the plain bytes.
    expect(of('box: head')[0]).toBe(0);
    expect(mac(of('key segment/nonce'), of('box: additional data'), of('segment, plain')).subarray(0, 12)).toEqual(of('box: nonce'));
    expect(createHash('sha256').update(of('pack')).digest()).toEqual(of('pack id'));
    expect(of('pack').subarray(6, 6 + of('box').length)).toEqual(of('box'));
  });
});

/** To write the block of the document anew: `HOLDFAST_PRINT_EXAMPLE=1`. */
if (process.env['HOLDFAST_PRINT_EXAMPLE']) {
  const lines = [...example()].map(([name, hex]) => `${name} =\n${(hex.match(/.{1,128}/g) ?? []).map((line) => `    ${line}`).join('\n')}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
