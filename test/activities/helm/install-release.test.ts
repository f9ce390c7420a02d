import { describe, expect, it } from '@jest/globals';
import { installRelease } from '../../../activities/helm/install-release.ts';
import type { RestorableRelease } from '../../../activities/helm/restorable-releases.ts';
import type { JsonObject } from '../../../contracts/json.ts';
import { RUN_MARK, runMark } from '../../../domain/helm/release-standing.ts';
import { decodeRecord } from '../../../helm/decode-record.ts';
import { createCharts } from '../../../helm/charts.ts';
import type { InstallRequest } from '../../../helm/port.ts';
import { listingCluster } from '../../support/fake-cluster.ts';
import { record, recordObject, releaseDocument } from '../../support/helm-records.ts';

const RUN = 'run-1';
const PULSE = { signal: new AbortController().signal, beat: () => undefined, resumeFrom: undefined };
const OPTIONS = { adopt: false, waitUntilReady: true, timeoutMs: 60_000 };

const captured = record(releaseDocument(), { status: 'deployed' });
const labelled = (object: JsonObject, labels: JsonObject, metadata: JsonObject = {}): JsonObject => {
  const own = object['metadata'] as JsonObject;
  return { ...object, metadata: { ...own, ...metadata, labels: { ...(own['labels'] as JsonObject), ...labels } } };
};
const restorable: RestorableRelease = {
  release: decodeRecord(captured),
  records: [{ ...captured, object: labelled(captured.object, { team: 'shop' }) }],
  kind: 'Secret',
  archive: Buffer.from('chart'),
  archiveKind: 'source',
};

/** What Helm was asked for, with these Secrets in the cluster. */
async function installed(live: readonly JsonObject[], { chart, later = live[0] }: { chart?: string; later?: JsonObject | undefined } = {}) {
  const asked: InstallRequest[] = [];
  const helm = {
    install: (request: InstallRequest) => {
      asked.push(request);
      return Promise.resolve({ revision: 1, status: 'deployed', action: 'installed' as const });
    },
  };
  const cluster = {
    ...listingCluster(new Map([['secrets', live]])),
    get: () => Promise.resolve(later && { object: later, bytes: Buffer.from('') }),
  };
  const options = { ...OPTIONS, ...(chart === undefined ? {} : { chart }) };
  const place = { cluster, namespace: 'shop', name: 'web' };
  const charts = createCharts([], () => Promise.resolve(undefined));
  const result = await installRelease({ place, charts, helm, restorable, options, runId: RUN }, PULSE);
  return { result, asked };
}

const pendingOf = (run: string, resourceVersion: string) =>
  labelled(recordObject(releaseDocument(), { status: 'pending-install' }), { [RUN_MARK]: runMark(run, 1) }, { resourceVersion });

describe('installing a release', () => {
  it("hands Helm the kept chart, the user's values and labels, and the mark of the run", async () => {
    const { asked, result } = await installed([]);
    expect(asked).toMatchObject([
      { release: 'web', namespace: 'shop', chart: restorable.archive, version: '', values: { count: 3 }, records: 'Secret' },
    ]);
    expect(asked[0]?.labels).toEqual({ team: 'shop', [RUN_MARK]: `${RUN}.v1` });
    expect(result).toEqual({ namespace: 'shop', name: 'web', action: 'installed', revision: 1, status: 'deployed', chart: 'web-1.2.3' });
  });

  it('takes the version that was installed from a registry, where the reference has none', async () => {
    const versionOf = async (chart: string) => (await installed([], { chart })).asked[0]?.version;
    expect(await versionOf('oci://localhost:5000/charts/web')).toBe('1.2.3');
    expect(await versionOf('oci://localhost:5000/charts/web:2.0.0')).toBe('');
    expect(await versionOf('/charts/web')).toBe('');
  });

  it('does not do again what an attempt of the same run has done', async () => {
    const done = labelled(recordObject(releaseDocument()), { [RUN_MARK]: runMark(RUN, 1) });
    expect(await installed([done])).toMatchObject({ asked: [], result: { action: 'installed', revision: 1, status: 'deployed' } });
  });

  it('leaves a release alone on which another attempt still has Helm at work', async () => {
    const other = installed([pendingOf('run-0', '1')], { later: pendingOf('run-0', '2') });
    await expect(other).rejects.toMatchObject({
      type: 'Conflict',
      message: expect.stringMatching(/another restore of Holdfast/) as unknown,
    });
    const own = installed([pendingOf(RUN, '1')], { later: pendingOf(RUN, '2') });
    await expect(own).rejects.toMatchObject({ type: 'Unavailable', message: expect.stringMatching(/an earlier attempt/) as unknown });
  });
});
