import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditLocation } from '../support/location-audit.ts';
import { checkInvariants } from '../support/invariants.ts';
import { TestPlace } from '../support/place.ts';
import { takeSnapshot } from '../support/canonical.ts';
import { newCanary } from '../support/canaries.ts';
import { definition } from '../support/definitions.ts';

const NAMESPACE = 'bytes';
const COLLECTION = '/apis/bytes.example.com/v1/namespaces/bytes/oddities';

/** Written as text: no JSON library of ours may have touched it. */
function oddity(name: string, canary: string): string {
  return `{"apiVersion":"bytes.example.com/v1","kind":"Oddity","metadata":{"name":"${name}","namespace":"${NAMESPACE}","annotations":{"note":"\\u2028 Zürich 東京 🚀 \\" \\\\ </script>"}},
    "spec":{"aFieldNoModelKnows":{"deep":[{"er":[[],{},[null],"",false,0]}]},"big":9007199254740993,"negative":-9223372036854775808,"max":9223372036854775807,
    "one":1.0,"tiny":0.1,"exponent":1.5e3,"nanoseconds":"2024-02-29T23:59:59.123456789Z","micro":"2024-02-29T23:59:59.123456Z",
    "unicode":"\\u0000\\u001f é é 東京 🚀 \\ud83d\\ude80 \\u2028","__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":1}},"toString":"own",
    "numberLike":"1.0","empty":{},"nothing":[],"secret":"${canary}","10":"ten","2":"two"}}`;
}

describe('bytes', () => {
  let place: TestPlace;
  let before: string;

  beforeAll(async () => {
    place = await TestPlace.open();
    const { api } = place;
    const canary = newCanary('bytes');
    place.canaries.push(canary);
    await place.addLocation('main');
    await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    await api.create(definition({ group: 'bytes.example.com', kind: 'Oddity', plural: 'oddities' }));
    await api.kindOf('bytes.example.com/v1', 'Oddity');
    for (const name of ['one', 'two']) {
      expect(await api.send('POST', COLLECTION, oddity(name, canary))).toMatchObject({ status: 201 });
    }
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'binary', namespace: NAMESPACE } };
    await api.create({
      ...configMap,
      data: { text: 'a\u0000b\u2028c\r\n\t🚀', empty: '' },
      binaryData: { raw: Buffer.from([0, 255, 254, 10]).toString('base64') },
    });
    before = (await api.send('GET', COLLECTION)).text;
    await place.startWorker();
  }, 240_000);

  afterAll(() => place.close(), 60_000);

  it('are stored exactly as the server sends them in a list', async () => {
    const run = await place.backup('exact', { namespaces: [NAMESPACE] });
    expect(run).toMatchObject({ result: { phase: 'Completed', errors: [] } });
    const { store, identity } = place.locations.get('main')!;
    const records = await (await auditLocation(store, identity)).records('exact');
    const stored = records.filter(({ object }) => object['kind'] === 'Oddity').map(({ bytes }) => bytes.toString('utf8'));
    expect(stored).toHaveLength(2);
    // Each record is a stretch of the list's own text, between the commas that separate items.
    for (const record of stored) expect(before).toContain(record);
    expect(before).toContain(`"items":[${stored.join(',')}]`);
    for (const kept of [
      '9007199254740993',
      '-9223372036854775808',
      '"__proto__":{"polluted":"yes"}',
      'aFieldNoModelKnows',
      '.123456789Z',
    ]) {
      expect(stored[0]).toContain(kept);
    }
  });

  it('come back with every value that they had', async () => {
    const expected = await takeSnapshot(place.api, [NAMESPACE]);
    const spec = async () => specOf((await place.api.send('GET', `${COLLECTION}/one`)).text);
    const was = await spec();
    await place.api.removeNamespaces(NAMESPACE);
    await place.api.send('DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/oddities.bytes.example.com');
    const run = await place.restore('back', { backup: 'exact' });
    expect(run.result).toMatchObject({ phase: 'Completed', errors: [], failed: 0, verification: { equal: true, differenceCount: 0 } });
    place.api.forgetKinds();
    expect(await spec()).toBe(was);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(
      await checkInvariants({
        place,
        location: 'main',
        runs: [run],
        deadlineMs: 60_000,
        captured: { exact: { snapshot: expected } },
        live: [{ expected, namespaces: [NAMESPACE] }],
      }),
    ).toEqual([]);
  });
});

/** The text of the spec as the server wrote it. */
function specOf(json: string): string {
  return json.slice(json.indexOf('"spec":'));
}
