import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import type { CommitBackupInput, HoldfastActivities } from '../../contracts/activities.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { SyncGitInput } from '../../contracts/git.ts';
import type { PruneBackupsInput, RunScheduleInput, RunScheduleResult } from '../../contracts/schedule.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import { captured, CONFIG_MAPS, plan, SCHEDULED, scheduleActivities } from '../support/fake-activities.ts';
import { clusterStateActivities, ETCD, RELEASE, SYNCED } from '../support/fake-cluster-state.ts';
import { startWorkflowEnv, type WorkflowEnv } from '../support/workflow-env.ts';

let env: WorkflowEnv;
beforeAll(async () => {
  env = await startWorkflowEnv();
}, 120_000);
afterAll(() => env.stop());

function run(activities: Partial<HoldfastActivities>, input: RunScheduleInput = SCHEDULED): Promise<RunScheduleResult> {
  return env.run({ workflow: 'runSchedule', input, activities }, (handle) => handle.result() as Promise<RunScheduleResult>);
}

describe('runSchedule', () => {
  it('makes a backup that bears the name of the schedule, its labels and its time to live, then lets retention remove old ones', async () => {
    const commits: CommitBackupInput[] = [];
    const prunes: PruneBackupsInput[] = [];
    const result = await run(
      scheduleActivities({
        commitBackup: (input) => {
          commits.push(input);
          return Promise.resolve({ sequence: 4 });
        },
        pruneBackups: (input) => {
          prunes.push(input);
          return Promise.resolve(['nightly-old']);
        },
      }),
      { ...SCHEDULED, action: { ...SCHEDULED.action, ttlSeconds: 3_600 } as RunScheduleInput['action'] },
    );
    expect(result).toMatchObject({ schedule: 'nightly', phase: 'Completed', attempts: 1, removed: ['nightly-old'], errors: [] });
    expect(result.backup).toMatchObject({ phase: 'Completed', sequence: 4 });
    expect(result.backup?.name).toMatch(/^nightly-\d{8}-\d{6}$/);
    expect(commits[0]?.backup).toMatchObject({
      schedule: 'nightly',
      labels: { team: 'shop' },
      ttlSeconds: 3_600,
      name: result.backup?.name,
    });
    expect(prunes).toEqual([{ location: 'l', schedule: 'nightly', cluster: 'c', policy: { keepLast: 2 } }]);
  });

  it('takes etcd, charts and Git along as it was told', async () => {
    const state = { etcd: { controlPlaneFiles: true }, helm: { pushTo: ['museum'] }, git: ['state'] };
    const result = await run(
      { ...scheduleActivities(), ...clusterStateActivities() },
      { ...SCHEDULED, action: { ...SCHEDULED.action, ...state } as RunScheduleInput['action'] },
    );
    expect(result).toMatchObject({ phase: 'Completed', backup: { etcd: ETCD, releases: [RELEASE], git: [{ remote: 'state' }] } });
  });

  it('tries a failed backup again under the same name, and says how often it took', async () => {
    const names: string[] = [];
    const result = await run(
      scheduleActivities({
        planBackup: ({ name }) => {
          names.push(name);
          return names.length < 3 ? Promise.reject(new HoldfastError('Forbidden', 'no rights')) : Promise.resolve(plan());
        },
      }),
    );
    expect(result).toMatchObject({ phase: 'Completed', attempts: 3 });
    expect(new Set(names).size).toBe(1);
    expect(result.warnings.map(({ code, message }) => [code, message])).toEqual([
      ['AttemptFailed', 'attempt 1 of 3 failed: no rights'],
      ['AttemptFailed', 'attempt 2 of 3 failed: no rights'],
    ]);
  });

  it('fails with the reason after the last attempt, and prunes nothing', async () => {
    let pruned = false;
    const failure: unknown = await run(
      scheduleActivities({
        planBackup: () => Promise.reject(new HoldfastError('Forbidden', 'no rights')),
        pruneBackups: () => {
          pruned = true;
          return Promise.resolve([]);
        },
      }),
    ).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    expect((failure as WorkflowFailedError).cause as ApplicationFailure).toMatchObject({ type: 'Forbidden', message: 'no rights' });
    expect(pruned).toBe(false);
  });

  it('does not try again what cannot get better', async () => {
    let attempts = 0;
    const failure: unknown = await run(
      scheduleActivities({
        planBackup: () => {
          attempts += 1;
          return Promise.reject(new HoldfastError('WrongKey', 'the key does not open it'));
        },
      }),
    ).catch((error: unknown) => error);
    expect((failure as WorkflowFailedError).cause as ApplicationFailure).toMatchObject({ type: 'WrongKey' });
    expect(attempts).toBe(1);
  });

  it('reports a partly failed backup, and removes nothing after it', async () => {
    let pruned = false;
    const result = await run(
      scheduleActivities({
        captureResources: ({ cursor: { types } }) =>
          types[0]?.resource === 'secrets'
            ? Promise.reject(new HoldfastError('Forbidden', 'forbidden'))
            : Promise.resolve(captured(CONFIG_MAPS, 1)),
        pruneBackups: () => {
          pruned = true;
          return Promise.resolve([]);
        },
      }),
    );
    expect(result).toMatchObject({ phase: 'PartiallyFailed', attempts: 1, removed: [] });
    expect(pruned).toBe(false);
  });

  it('keeps the good backup when retention fails, and says so', async () => {
    const result = await run(
      scheduleActivities({ pruneBackups: () => Promise.reject(new HoldfastError('Forbidden', 'no right to delete')) }),
    );
    expect(result).toMatchObject({
      phase: 'PartiallyFailed',
      backup: { phase: 'Completed' },
      errors: [{ code: 'RetentionFailed', message: 'retention: no right to delete' }],
    });
  });

  it('checks a location, and damage is a result that needs attention', async () => {
    const damage = { code: 'PackMissing', message: 'a pack is gone' };
    const asked: unknown[] = [];
    const result = await run(
      scheduleActivities({
        checkRepository: (input) => {
          asked.push(input);
          return Promise.resolve({ errors: [damage], warnings: [], packs: 3, packsRead: 2 });
        },
      }),
      { ...SCHEDULED, action: { type: 'check', readShare: 0.1 } },
    );
    expect(asked).toEqual([{ location: 'l', readShare: 0.1 }]);
    expect(result).toMatchObject({ phase: 'PartiallyFailed', errors: [damage], removed: [] });
    expect(result.backup).toBeUndefined();
  });

  describe('of Git', () => {
    const action = { type: 'git', remotes: ['first', 'second'], selection: SELECT_ALL } as const;
    const synced = (remote: string) => ({ ...SYNCED, remote, warnings: [], errors: [] });

    it('brings each remote to the live state, and makes no backup', async () => {
      const asked: SyncGitInput[] = [];
      const syncToGit = (input: SyncGitInput) => {
        asked.push(input);
        return Promise.resolve(synced(input.remote));
      };
      const result = await run({ syncToGit }, { ...SCHEDULED, location: '', action });
      expect(asked).toEqual(action.remotes.map((remote) => ({ cluster: 'c', remote, selection: SELECT_ALL, source: { live: true } })));
      expect(result).toMatchObject({ phase: 'Completed', attempts: 1, removed: [], errors: [] });
      expect(result.git).toEqual(action.remotes.map((remote) => ({ ...SYNCED, remote })));
      expect(result.backup).toBeUndefined();
    });

    it('tries each remote as often as it may, and one that is refused keeps no other from its state', async () => {
      const tries: string[] = [];
      const syncToGit = ({ remote }: SyncGitInput) => {
        tries.push(remote);
        if (remote === 'first') return Promise.reject(new HoldfastError('Forbidden', 'the server refuses'));
        return tries.length < 5 ? Promise.reject(new HoldfastError('Conflict', 'somebody was first')) : Promise.resolve(synced(remote));
      };
      const result = await run({ syncToGit }, { ...SCHEDULED, location: '', action });
      expect(tries).toEqual(['first', 'first', 'first', 'second', 'second']);
      expect(result).toMatchObject({ phase: 'PartiallyFailed', attempts: 3, git: [{ remote: 'second' }] });
      expect(result.errors.map(({ message }) => message)).toEqual(['"first" is not brought up to date: the server refuses']);
      expect(result.warnings.map(({ code }) => code)).toEqual(['AttemptFailed', 'AttemptFailed', 'AttemptFailed']);
    });

    it('fails with the first reason when no remote could be reached', async () => {
      const syncToGit = ({ remote }: SyncGitInput) => Promise.reject(new HoldfastError('BadInput', `${remote} is not configured`));
      const failure: unknown = await run({ syncToGit }, { ...SCHEDULED, location: '', action }).catch((error: unknown) => error);
      expect((failure as WorkflowFailedError).cause as ApplicationFailure).toMatchObject({
        type: 'BadInput',
        message: 'first is not configured',
      });
    });
  });
});
