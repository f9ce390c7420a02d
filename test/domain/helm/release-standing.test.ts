import { describe, expect, it } from '@jest/globals';
import { RUN_MARK, runMark, standingOf, userLabels } from '../../../domain/helm/release-standing.ts';
import type { StoredRecord } from '../../../domain/helm/stored-record.ts';

const RUN = 'run-1';

interface Facts {
  readonly revision?: number;
  readonly mark?: string;
  readonly uid?: string;
  readonly payload?: string;
}

function record(status: string, { revision = 1, mark, uid = 'live', payload = 'p' }: Facts = {}): StoredRecord {
  const labels = { owner: 'helm', name: 'web', status, version: String(revision), ...(mark === undefined ? {} : { [RUN_MARK]: mark }) };
  const objectName = `sh.helm.release.v1.web.v${revision}`;
  return {
    ...{ kind: 'Secret', namespace: 'shop', objectName, release: 'web', revision, status, payload },
    object: { metadata: { name: objectName, uid, labels } },
  };
}

const standing = (live: readonly StoredRecord[], captured: readonly StoredRecord[] = []) => standingOf(live, { runId: RUN, captured });

describe('how a release stands', () => {
  it.each([
    ['nothing is there', [], 'absent'],
    ['Helm can go on', [record('superseded'), record('deployed', { revision: 2 })], 'settled'],
    ['it was uninstalled, with its history kept', [record('uninstalled')], 'settled'],
    ['this run has deployed it', [record('deployed', { mark: runMark(RUN, 1) })], 'done'],
    ['another run has deployed it', [record('deployed', { mark: runMark('run-0', 1) })], 'settled'],
    [
      'somebody went on after this run, and the mark was handed on',
      [record('deployed', { revision: 2, mark: runMark(RUN, 1) })],
      'settled',
    ],
    [
      "somebody's own upgrade is under way, with a mark that was handed on",
      [record('pending-upgrade', { revision: 2, mark: runMark(RUN, 1) })],
      'busy',
    ],
    ['a Helm that we know nothing of installs it', [record('pending-install')], 'busy'],
    ['it is being uninstalled', [record('uninstalling')], 'busy'],
    ['our first installation failed', [record('failed', { mark: runMark('run-0', 1) })], 'failed'],
    ["somebody's own first installation failed", [record('failed')], 'settled'],
    ['our upgrade failed', [record('deployed'), record('failed', { revision: 2, mark: runMark(RUN, 2) })], 'settled'],
  ])('%s', (_, live, state) => {
    expect(standing(live).state).toBe(state);
  });

  it('is begun by a run of ours, this one or another', () => {
    const pending = (run: string) => [record('deployed'), record('pending-upgrade', { revision: 2, mark: runMark(run, 2) })];
    expect(standing(pending(RUN))).toMatchObject({ state: 'begun', isOwn: true, last: { revision: 2 } });
    expect(standing(pending('run-0'))).toMatchObject({ state: 'begun', isOwn: false });
  });

  it('is stale only when the very record of the backup came back as another object', () => {
    const pending = record('pending-upgrade');
    expect(standing([pending], [record('pending-upgrade', { uid: 'before' })]).state).toBe('stale');
    expect(standing([pending], [record('pending-upgrade', { uid: 'live' })]).state).toBe('busy');
    expect(standing([pending], [record('pending-upgrade', { uid: 'before', payload: 'other' })]).state).toBe('busy');
  });

  it("tells the user's labels from Helm's and ours", () => {
    const { object, ...rest } = record('deployed', { mark: runMark(RUN, 1) });
    const labels = { ...(object['metadata'] as { labels: object }).labels, modifiedAt: '1', team: 'shop' };
    expect(userLabels({ ...rest, object: { metadata: { labels } } })).toEqual({ team: 'shop' });
  });
});
