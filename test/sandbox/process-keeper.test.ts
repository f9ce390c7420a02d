import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { addProcessLease, addUntilDownLease, clearLeases, removeDeadLeases } from '../../sandbox/leases.ts';
import { isAlive, processIdentity, signalProcess } from '../../sandbox/process-identity.ts';
import type { ProcessRef } from '../../sandbox/process-identity.ts';
import { awaitStopped, leasesFolder, logFile, runningServer, startKept } from '../../sandbox/process-keeper.ts';
import type { ServerCommand } from '../../sandbox/process-keeper.ts';
import { ensureServer } from '../../sandbox/ready-server.ts';
import { eventually, pause } from './waiting.ts';

const SLEEPER = 'sleeper';
let folder: string;
let leases: string;
const started: number[] = [];

const sleeper = (): ServerCommand => ({
  folder,
  name: SLEEPER,
  command: 'sleep',
  arguments: ['600'],
  environment: {},
  stopSeconds: 5,
});

/** Starts the server and returns its process, which must be there. */
async function startSleeper(command: ServerCommand = sleeper()): Promise<ProcessRef> {
  await startKept(command);
  const record = await runningServer(folder, command.name);
  if (record === undefined) throw new Error('the server does not run');
  return record.server;
}

/** A process of the test's own, ended after it. */
function startProcess(command: string, ...args: string[]) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child.pid ?? 0);
  return { child, pid: child.pid ?? 0 };
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-keeper-'));
  leases = leasesFolder(folder);
});

afterEach(async () => {
  await clearLeases(leases);
  await awaitStopped(folder, SLEEPER, 0);
  for (const pid of started.splice(0)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  await rm(folder, { recursive: true, force: true });
});

describe('a kept server', () => {
  it('runs as long as a lease is valid and no longer', async () => {
    const release = await addProcessLease(leases, process.pid);
    const server = await startSleeper();
    await pause(2_500);
    expect(isAlive(server)).toBe(true);
    await release();
    await eventually(() => !isAlive(server), 4_000);
    await eventually(async () => (await runningServer(folder, SLEEPER)) === undefined, 4_000);
  });

  it('ends within seconds when its only user is killed with -9', async () => {
    const script = fileURLToPath(new URL('keep-and-wait.ts', import.meta.url));
    const { child } = startProcess(process.execPath, script, folder);
    await once(child.stdout, 'data');
    const record = await runningServer(folder, SLEEPER);
    expect(record).toBeDefined();
    await pause(1_500);
    expect(isAlive(record!.server)).toBe(true);
    child.kill('SIGKILL');
    await eventually(() => !isAlive(record!.server) && !isAlive(record!.keeper), 5_000);
  });

  it('lives until down when somebody said so, whoever ends', async () => {
    const release = await addProcessLease(leases, process.pid);
    const server = await startSleeper();
    await addUntilDownLease(leases);
    await release();
    await pause(2_500);
    expect(isAlive(server)).toBe(true);
    await clearLeases(leases);
    await awaitStopped(folder, SLEEPER, 10_000);
    expect(isAlive(server)).toBe(false);
  });

  it('stays for the last of several users', async () => {
    const releaseFirst = await addProcessLease(leases, process.pid);
    const releaseSecond = await addProcessLease(leases, process.pid);
    const server = await startSleeper();
    await releaseFirst();
    await pause(2_500);
    expect(isAlive(server)).toBe(true);
    await releaseSecond();
    await eventually(() => !isAlive(server), 4_000);
  });

  it('is not kept by a process that only has the number of the one that held the lease', async () => {
    await mkdir(leases, { recursive: true });
    await writeFile(join(leases, `${process.pid}-00000000`), 'another incarnation\n');
    await startKept(sleeper());
    await eventually(async () => (await runningServer(folder, SLEEPER)) === undefined, 4_000);
  });

  it('is not kept by a zombie', async () => {
    const { child } = startProcess('sh', '-c', 'sleep 1 & echo $!; exec sleep 600');
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    await addProcessLease(leases, pid);
    const server = await startSleeper();
    await eventually(() => processIdentity(pid) === undefined, 4_000);
    // The zombie has its number until its parent asks for it, which it never does.
    expect(process.kill(pid, 0)).toBe(true);
    await eventually(() => !isAlive(server), 4_000);
  });

  it('is killed when it does not stop by itself in time', async () => {
    const release = await addProcessLease(leases, process.pid);
    const stubborn = { ...sleeper(), command: 'sh', arguments: ['-c', 'trap "" TERM; while :; do sleep 1; done'], stopSeconds: 2 };
    const server = await startSleeper(stubborn);
    await pause(500);
    await release();
    await pause(1_500);
    expect(isAlive(server)).toBe(true);
    await eventually(() => !isAlive(server), 5_000);
  });

  it('is ended by awaitStopped when its keeper was killed', async () => {
    await addUntilDownLease(leases);
    const server = await startSleeper();
    const record = await runningServer(folder, SLEEPER);
    signalProcess(record!.keeper, 'SIGKILL');
    await eventually(async () => (await runningServer(folder, SLEEPER)) === undefined, 2_000);
    expect(isAlive(server)).toBe(true);
    await awaitStopped(folder, SLEEPER, 10_000);
    expect(isAlive(server)).toBe(false);
  });

  it('gets nothing of our environment', async () => {
    process.env['HOLDFAST_TEST_CANARY'] = 'canary';
    await addProcessLease(leases, process.pid);
    await startKept({ ...sleeper(), command: 'env', arguments: [], environment: { GIVEN: 'yes' } });
    delete process.env['HOLDFAST_TEST_CANARY'];
    await eventually(async () => (await readFile(logFile(folder, SLEEPER), 'utf8')).includes('GIVEN=yes'), 3_000);
    expect(await readFile(logFile(folder, SLEEPER), 'utf8')).not.toContain('canary');
  });

  it('reports the end of its log when it does not start, and leaves no record', async () => {
    await addProcessLease(leases, process.pid);
    const broken = { ...sleeper(), command: 'sh', arguments: ['-c', 'echo first; echo the port is taken; exit 1'] };
    const attempt = ensureServer({ ...broken, isReady: () => Promise.resolve(false), patienceMs: 10_000 }, undefined);
    await expect(attempt).rejects.toMatchObject({
      type: 'Unavailable',
      message: 'sleeper ended before it was ready; its log ends with: first | the port is taken',
      advice: `see ${logFile(folder, SLEEPER)}`,
    });
    await eventually(async () => (await readFile(join(folder, 'run', `${SLEEPER}.json`), 'utf8').catch(() => '')) === '', 3_000);
  });

  it('is joined, not started again, when it runs', async () => {
    await addProcessLease(leases, process.pid);
    const server = await startSleeper();
    await ensureServer({ ...sleeper(), isReady: () => Promise.resolve(true), patienceMs: 1_000 }, undefined);
    expect((await runningServer(folder, SLEEPER))?.server).toEqual(server);
  });
});

describe('a record of a process that is gone', () => {
  it('never makes anybody signal the process that has its number now', async () => {
    const { pid } = startProcess('sleep', '600');
    const stale = { pid, identity: 'another incarnation' };
    await mkdir(join(folder, 'run'), { recursive: true });
    await writeFile(join(folder, 'run', `${SLEEPER}.json`), JSON.stringify({ server: stale, keeper: stale, startedAt: '' }));
    expect(signalProcess(stale, 'SIGKILL')).toBe(false);
    await awaitStopped(folder, SLEEPER, 0);
    expect(await runningServer(folder, SLEEPER)).toBeUndefined();
    await pause(200);
    expect(processIdentity(pid)).toBeDefined();
  });

  it('and one that is damaged counts as none', async () => {
    await mkdir(join(folder, 'run'), { recursive: true });
    await writeFile(join(folder, 'run', `${SLEEPER}.json`), '{"server":');
    expect(await runningServer(folder, SLEEPER)).toBeUndefined();
  });
});

describe('leases', () => {
  it('cannot be held by a process that does not run', async () => {
    const { child, pid } = startProcess('true');
    await once(child, 'exit');
    await expect(addProcessLease(leases, pid)).rejects.toMatchObject({ type: 'BadInput' });
  });

  it('of ended processes are tidied away, and no others', async () => {
    await addProcessLease(leases, process.pid);
    await addUntilDownLease(leases);
    await writeFile(join(leases, `${process.pid}-dead`), 'another incarnation\n');
    await removeDeadLeases(leases);
    const release = await addProcessLease(leases, process.pid);
    await release();
    const left = (await readdir(leases)).toSorted();
    expect(left).toEqual([expect.stringMatching(new RegExp(`^${process.pid}-[0-9a-f]{8}$`)), 'until-down']);
  });
});
