import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { HoldfastActivities } from '../../contracts/activities.ts';
import { HoldfastError } from '../../contracts/failures.ts';
import type { RestoreReleasesResult } from '../../contracts/helm-restore.ts';
import { plannedRelease, RELEASES, restoredRelease, restoreReleasesActivities } from '../support/fake-releases.ts';
import { startWorkflowEnv, type WorkflowEnv } from '../support/workflow-env.ts';

let env: WorkflowEnv;
beforeAll(async () => {
  env = await startWorkflowEnv();
}, 120_000);
afterAll(() => env.stop());

const run = (activities: Partial<HoldfastActivities>, input = RELEASES): Promise<RestoreReleasesResult> =>
  env.run(
    { workflow: 'restoreReleases', input, activities: { ...restoreReleasesActivities(), ...activities } },
    (handle) => handle.result() as Promise<RestoreReleasesResult>,
  );

describe('restoreReleases', () => {
  it('installs one release after the other, in the order of the request', async () => {
    const seen: string[] = [];
    const result = await run({
      installRelease: ({ release }) => {
        seen.push(release.name);
        return Promise.resolve({ restored: restoredRelease(release) });
      },
    });
    expect(seen).toEqual(['web', 'shop']);
    expect(result).toMatchObject({ phase: 'Completed', releases: [{ name: 'web' }, { name: 'shop' }], errors: [] });
    expect(result.steps.map(({ step }) => step)).toEqual(['plan', 'install a/web', 'install a/shop']);
  });

  it('goes on with the others when one cannot be restored, by the plan or by Helm', async () => {
    const problem = { code: 'Conflict', message: 'somebody is at it' };
    const refused = await run({
      planReleases: () => Promise.resolve({ releases: [{ ...plannedRelease('web'), problem }, plannedRelease('shop')] }),
    });
    expect(refused).toMatchObject({ phase: 'PartiallyFailed', releases: [{ name: 'shop' }], errors: [problem] });
    let calls = 0;
    const failed = await run({
      installRelease: ({ release }) => {
        calls += 1;
        if (release.name === 'web') return Promise.reject(new HoldfastError('BadInput', 'helm refuses: no'));
        return Promise.resolve({ restored: restoredRelease(release) });
      },
    });
    expect(failed).toMatchObject({
      phase: 'PartiallyFailed',
      releases: [{ name: 'shop' }],
      errors: [{ message: 'release a/web: helm refuses: no' }],
    });
    expect(calls).toBe(2);
  });

  it('tries again where that may help, and fails when nothing was restored', async () => {
    let calls = 0;
    const result = await run(
      {
        adoptRelease: ({ release }) => {
          calls += 1;
          if (calls < 3) return Promise.reject(new HoldfastError('Unavailable', 'nobody there'));
          if (calls > 3) return Promise.reject(new HoldfastError('NotFound', 'objects are not there'));
          return Promise.resolve({ restored: { ...restoredRelease(release), action: 'adopted' } });
        },
      },
      { ...RELEASES, options: { ...RELEASES.options, adopt: true } },
    );
    expect(result).toMatchObject({
      phase: 'PartiallyFailed',
      releases: [{ name: 'web', action: 'adopted' }],
      errors: [{ code: 'ReleaseNotRestored' }],
    });
    const nothing = await run({ installRelease: () => Promise.reject(new HoldfastError('BadInput', 'no')) });
    expect(nothing).toMatchObject({ phase: 'Failed', releases: [], errors: [{}, {}] });
  });

  it('says how the release in hand was left when it is cancelled, and begins no other', async () => {
    const begun = Promise.withResolvers<undefined>();
    const installing = {
      installRelease: async () => {
        begun.resolve(undefined);
        const context = Context.current();
        // Word of a cancellation comes as the answer to a heartbeat.
        while (!context.cancellationSignal.aborted) {
          context.heartbeat();
          await delay(100);
        }
        return { left: { status: 'pending-install', revision: 1 } };
      },
    };
    const request = {
      workflow: 'restoreReleases',
      input: RELEASES,
      activities: { ...restoreReleasesActivities(), ...installing },
    } as const;
    const result = await env.run(request, async (handle) => {
      await begun.promise;
      await handle.cancel();
      return handle.result() as Promise<RestoreReleasesResult>;
    });
    expect(result).toMatchObject({
      phase: 'Canceled',
      releases: [],
      errors: [
        { code: 'Cancelled', message: 'cancelled while Helm was at work on release a/web: Helm has it as pending-install, revision 1' },
      ],
    });
  });
});
