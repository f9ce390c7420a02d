import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { decodeRecord, movedRecord } from '../../helm/decode-record.ts';
import { record, releaseDocument } from '../support/helm-records.ts';

describe('decoding a release record', () => {
  it.each(['Secret', 'ConfigMap'] as const)('reads a %s', (kind) => {
    expect(decodeRecord(record(releaseDocument(), { kind }))).toMatchObject({
      name: 'web',
      namespace: 'shop',
      revision: 1,
      status: 'deployed',
      chart: { metadata: { name: 'web', version: '1.2.3' }, values: { count: 2 }, templates: [{ name: 'templates/a.yaml' }] },
      config: { count: 3 },
      hooks: [],
    });
  });

  it('reads what Helm wrote before it packed records, and charts and values that are null', () => {
    const plain = Buffer.from(JSON.stringify(releaseDocument({ config: null, hooks: null })));
    expect(decodeRecord(record(undefined, { content: plain }))).toMatchObject({ name: 'web', config: {}, hooks: [] });
  });

  it('keeps numbers as they are', () => {
    const content = gzipSync(JSON.stringify(releaseDocument()).replace('"count":3', '"count":12345678901234567890'));
    expect(JSON.stringify(decodeRecord(record(undefined, { content })).config)).toBe('{"count":12345678901234567890}');
  });

  const packed = gzipSync(JSON.stringify(releaseDocument()));
  const secretive = Buffer.from('{"config": {"password": "canary-in-a-record');
  it.each([
    ['is cut short', packed.subarray(0, packed.length - 20), /it is cut short or damaged/],
    ['is empty', Buffer.alloc(0), /it is empty/],
    ['is a bomb', gzipSync(Buffer.alloc(65 * 1024 * 1024)), /it unpacks to more than 64 MiB/],
    ['is no JSON', secretive, /it is not JSON/],
    ['is of something else', Buffer.from('{"name": "web"}'), /none of Helm's: version/],
    ['has a name that leads elsewhere', Buffer.from(JSON.stringify(releaseDocument({ name: '../x' }))), /is no name of a release/],
  ])('says in one line what is wrong with one that %s', (_what, content, message) => {
    const failing = () => decodeRecord(record(undefined, { content }));
    expect(failing).toThrow(/^release shop\/web revision 1: its record sh\.helm\.release\.v1\.web\.v1 cannot be read: /);
    expect(failing).toThrow(message);
    expect(failing).toThrow(expect.objectContaining({ type: 'Damaged', message: expect.not.stringMatching(/canary|\n/) as unknown }));
  });

  it('refuses charts with names that lead out of a folder', () => {
    const { chart } = releaseDocument() as { chart: object };
    const evil = releaseDocument({ chart: { ...chart, metadata: { name: '..', version: '1.0.0' } } });
    expect(() => decodeRecord(record(evil))).toThrow(/chart\.metadata/);
  });

  it('moves a record to another namespace, and leaves one that is there', () => {
    for (const kind of ['Secret', 'ConfigMap'] as const) {
      const original = record(releaseDocument(), { kind });
      expect(movedRecord(original, 'shop')).toBeUndefined();
      const moved = { ...original, payload: movedRecord(original, 'other') ?? '' };
      expect(movedRecord(moved, 'other')).toBeUndefined();
      expect(decodeRecord(moved)).toEqual(decodeRecord(original));
    }
  });
});
