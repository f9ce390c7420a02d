import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import { helmProgram, writeCharts, type Helm } from '../support/charts.ts';
import type { ChildCommand } from '../support/child-command.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { status as answering } from '../support/fault-rules.ts';
import { TestPlace } from '../support/place.ts';
import { kubeconfigAccess, until } from '../support/raw-api.ts';
import { completePods, writeSlowChart } from '../support/slow-chart.ts';

const NAMESPACE = 'releases';
const JOB = `/apis/batch/v1/namespaces/${NAMESPACE}/jobs/slow-hook`;
const FORBIDDEN = JSON.stringify({ apiVersion: 'v1', kind: 'Status', status: 'Failure', reason: 'Forbidden', message: 'no', code: 403 });
const NEW_SECRET = { method: 'POST', path: /\/secrets(\?|$)/ } as const;

describe('a restore of Helm releases that is disturbed', () => {
  let place: TestPlace;
  let proxy: FaultProxy;
  let proxied: string;
  let worker: ChildCommand;
  let helm: Helm;
  let charts: { readonly slow: string; readonly old: string };

  const begin = (line: string) => place.start([...`helm restore ${line} --wait -o json --helm-timeout 100s`.split(' ')]);
  const answerOf = async (command: ChildCommand) => SCHEMAS['helm-restore'].parse(JSON.parse((await command.ended).stdout));
  const path = (kind: string, name: string) => `/api/v1/namespaces/${NAMESPACE}/${kind}/${name}`;
  const record = (release: string, revision: number) => place.api.get(path('secrets', `sh.helm.release.v1.${release}.v${revision}`));
  const uid = async () => ((await place.api.get(JOB))?.['metadata'] as { uid: string } | undefined)?.uid;
  const statusOf = async (release: string) =>
    JSON.parse(await helm('status', release, '-n', NAMESPACE, '-o', 'json')) as { version: number; info: { status: string } };
  const startWorker = async () => {
    worker = await place.startWorker({ kubeconfig: proxied });
  };
  /** Has the hook of another attempt than `before` succeed, and returns the answer of the command. */
  const hookDone = async (command: ChildCommand, before: string | undefined) => {
    const completed = async () => {
      const now = await uid();
      return now !== undefined && now !== before && (await completePods(place.api, NAMESPACE, now));
    };
    await until('a new Job has succeeded', completed, 90_000);
    return answerOf(command);
  };

  beforeAll(async () => {
    place = await TestPlace.open();
    await place.addLocation('main');
    proxy = await FaultProxy.start({ upstream: await kubeconfigAccess(place.cluster.kubeconfigPath) });
    proxied = await place.writeKubeconfig({ [place.cluster.context]: proxy.url });
    helm = await helmProgram(place.folder, place.cluster.kubeconfigPath);
    charts = { slow: await writeSlowChart(join(place.folder, 'slow')), old: (await writeCharts(join(place.folder, 'charts'))).old };
    const slow = ['slow', charts.slow, '-n', NAMESPACE, '--no-hooks', '--create-namespace'];
    await Promise.all([startWorker(), helm('install', ...slow, '--set', 'colour=blue', '--labels', 'team=shop')]);
    await helm('install', 'plain', charts.old, '-n', NAMESPACE);
    await helm('upgrade', 'plain', charts.old, '-n', NAMESPACE);
    expect(await place.run(['backup', 'create', 'first', '-n', NAMESPACE, '--wait'])).toMatchObject({ code: 0 });
    await place.api.removeNamespaces(NAMESPACE);
  }, 300_000);

  afterAll(async () => {
    await proxy.stop();
    await place.close();
  }, 60_000);

  it('goes on after kill -9 of the command and the worker while Helm waits in a hook', async () => {
    const command = begin('slow --from-backup first');
    await until('Helm waits in its hook', async () => (await uid()) !== undefined, 90_000);
    const before = await uid();
    await Promise.all([command.kill('SIGKILL'), worker.kill('SIGKILL')]);
    expect(await statusOf('slow')).toMatchObject({ version: 1, info: { status: 'pending-install' } });
    await until(
      'its Helm has ended, and has left no values',
      async () => !(await place.temporaryFiles()).some((name) => /helm/.test(name)),
    );
    await expect(helm('upgrade', 'slow', charts.slow, '-n', NAMESPACE)).rejects.toThrow('another operation');

    await startWorker();
    const again = begin('slow --from-backup first');
    expect(await hookDone(again, before)).toMatchObject({
      phase: 'Completed',
      releases: [{ name: 'slow', action: 'installed', revision: 1, status: 'deployed' }],
    });
    expect(again.stderr).toMatch(/restore of Helm releases slow of backup "first" is going on, and is followed from here/);
    expect((await place.api.get(path('configmaps', 'slow-config')))?.['data']).toEqual({ colour: 'blue' });
    expect(await record('slow', 1)).toMatchObject({ metadata: { labels: { team: 'shop' } } });
    await helm('upgrade', 'slow', charts.slow, '-n', NAMESPACE, '--set', 'colour=green');
    await helm('rollback', 'slow', '1', '-n', NAMESPACE);
    expect(await statusOf('slow')).toMatchObject({ version: 3, info: { status: 'deployed' } });
    await helm('uninstall', 'slow', '-n', NAMESPACE);
  });

  it('says when it is cancelled how Helm has the release, and the next run brings it to its end', async () => {
    const command = begin('slow --from-backup first');
    await until('Helm waits in its hook', async () => (await uid()) !== undefined, 90_000);
    const before = await uid();
    const client = await place.client();
    for await (const { workflowId } of client.workflow.list({ query: "HoldfastKind = 'helm' AND ExecutionStatus = 'Running'" })) {
      await client.workflow.getHandle(workflowId).cancel();
    }
    expect(await answerOf(command)).toMatchObject({
      phase: 'Canceled',
      releases: [],
      errors: [
        { code: 'Cancelled', message: expect.stringMatching(/releases\/slow: Helm has it as (failed|pending-install), revision 1$/) },
      ],
    });
    expect(await command.ended).toMatchObject({ code: 5 });
    const again = await hookDone(begin('slow --from-backup first'), before);
    expect(again).toMatchObject({
      phase: 'Completed',
      releases: [{ action: 'installed', revision: 1 }],
      warnings: [{ code: 'ReleaseUnfinished' }],
    });
    await helm('uninstall', 'slow', '-n', NAMESPACE);
  });

  it("leaves somebody else's Helm alone, and takes away what of it came out of a backup", async () => {
    const program = (await resolveTools(['helm'])).get('helm')!;
    const env = { PATH: process.env['PATH'], HOME: place.folder, KUBECONFIG: place.cluster.kubeconfigPath };
    const foreign = spawn(program, ['install', 'slow', charts.slow, '-n', NAMESPACE], { env, stdio: 'ignore' });
    await until('Helm waits in its hook', async () => (await uid()) !== undefined, 90_000);
    foreign.kill('SIGKILL');
    await once(foreign, 'exit');
    const pending = await record('slow', 1);
    const refused = await begin('slow --from-backup first').ended;
    expect(refused).toMatchObject({ code: 5, stdout: '' });
    expect(refused.stderr).toMatch(
      /^holdfast: helm "slow" failed: release releases\/slow revision 1 is pending-install since .*`helm uninstall slow -n releases` frees it.*$/m,
    );
    expect(await record('slow', 1)).toEqual(pending);

    expect(await place.run(['backup', 'create', 'middle', '-n', NAMESPACE, '--wait'])).toMatchObject({ code: 0 });
    await place.api.removeNamespaces(NAMESPACE);
    expect((await place.run(['restore', 'create', 'back', '--from-backup', 'middle', '--wait'])).stdout).toContain('verification: equal');
    const planned = await place.run(['helm', 'restore', 'slow', '--from-backup', 'middle', '--plan', '-o', 'json']);
    const { releases } = SCHEMAS['helm-restore-plan'].parse(JSON.parse(planned.stdout));
    expect(releases).toMatchObject([
      {
        action: 'install',
        there: 'revision 1, pending-install',
        warnings: [{ code: 'ReleaseNotDeployed' }, { code: 'ReleaseUnfinished' }],
      },
    ]);
    expect(await hookDone(begin('slow --from-backup middle'), await uid())).toMatchObject({
      releases: [{ action: 'installed', status: 'deployed' }],
    });
  });

  it('fails in one line when the API server refuses, leaves nothing half-written, and waits while it is away', async () => {
    proxy.rules({ name: 'refused', fault: answering(403, { 'content-type': 'application/json' }, FORBIDDEN), ...NEW_SECRET });
    const refused = await answerOf(begin('plain --from-backup first'));
    expect(refused).toMatchObject({
      phase: 'Failed',
      errors: [{ message: expect.stringMatching(/^release releases\/plain: helm refuses: create: failed to create: no;/) }],
    });
    expect(await record('plain', 1)).toBeUndefined();
    proxy.rules({ name: 'away', fault: answering(503), first: 3, ...NEW_SECRET });
    expect(await answerOf(begin('plain --from-backup first'))).toMatchObject({ phase: 'Completed', releases: [{ action: 'installed' }] });
    expect(proxy.done['away']).toBe(3);
  });

  it('adopts to the end what a killed worker has adopted in part', async () => {
    // Its objects are there, as after a restore, and Helm has forgotten them.
    await place.api.send('DELETE', path('secrets', 'sh.helm.release.v1.plain.v1'));
    proxy.rules({ name: 'second record', fault: { kind: 'hang' }, nth: 2, ...NEW_SECRET });
    const command = begin('plain --adopt --from-backup first');
    await until('half of it is written', () => proxy.done['second record'] === 1, 60_000);
    await worker.kill('SIGKILL');
    expect(await record('plain', 1)).toBeDefined();
    expect(await record('plain', 2)).toBeUndefined();
    await startWorker();
    expect(await answerOf(command)).toMatchObject({
      phase: 'Completed',
      releases: [{ action: 'adopted', revision: 2, objects: 1, records: 1 }],
    });
    await helm('upgrade', 'plain', charts.old, '-n', NAMESPACE);
    expect(await statusOf('plain')).toMatchObject({ version: 3, info: { status: 'deployed' } });
  });
});
