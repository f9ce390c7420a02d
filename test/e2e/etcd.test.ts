import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { stopTemporal } from '../../sandbox/temporal-server.ts';
import { FilesystemStore } from '../../storage/filesystem.ts';
import { saveLocation } from '../../workers/configuration.ts';
import { createRepository } from '../../workers/location-keys.ts';
import { ChildCommand, type CommandResult } from '../support/child-command.ts';
import { EtcdCluster } from '../support/etcd-cluster.ts';
import { HoldingProxy } from '../support/holding-proxy.ts';
import { until } from '../support/raw-api.ts';

const MEBIBYTE = 1024 * 1024;

/** The runbook of docs/etcd.md for static members, step by step; there is no API server anywhere. */
let folder: string;
let etcd: EtcdCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-etcd-place-'));
  for (const name of ['state', 'tmp', 'location']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'temporal.toml'), '[profile.default]\n');
  const location = { name: 'main', url: `file://${join(folder, 'location')}`, key: { file: join(folder, 'key') } };
  await createRepository(location, new FilesystemStore(join(folder, 'location')));
  await saveLocation(location, join(folder, 'config.yaml'));
  etcd = await EtcdCluster.start({ members: 3 });
}, 120_000);

afterAll(async () => {
  await stopTemporal(join(folder, 'state', 'temporal'));
  await etcd.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

describe('etcd without Kubernetes', () => {
  it('says in one line why a member cannot be used, before anything is started', async () => {
    const { strangersFiles, files, endpoints } = etcd;
    const wrong = await holdfast(['etcd', 'backup', '--cluster', 'prod', ...etcd.flags(endpoints.slice(0, 1), strangersFiles)]);
    expect(wrong.stderr).toMatch(
      /^holdfast: etcd https:\S+: it does not accept our certificate \(unknown ca\); give the certificates .*\n$/,
    );
    expect(wrong.code).toBe(2);
    const away = await holdfast(['etcd', 'backup', '--cluster', 'prod', ...etcd.flags(['https://127.0.0.1:1'], files)]);
    expect(away.stderr).toMatch(
      /^holdfast: etcd https:\/\/127\.0\.0\.1:1: connect ECONNREFUSED 127\.0\.0\.1:1; see that the member runs .*\n$/,
    );
    expect(away.code).toBe(3);
    expect(await readdir(join(folder, 'state'))).toEqual([]);
  });

  it('comes back on new data directories after all members and their data are lost', async () => {
    const before = await writeWhile(async () => {
      const backedUp = await holdfast(['etcd', 'backup', 'nightly', '--cluster', 'prod', ...etcd.flags()]);
      expect(backedUp).toMatchObject({ code: 0 });
      expect(backedUp.stderr).not.toContain('Warning');
    });
    const { etcd: captured } = await described('nightly');
    expect(captured).toMatchObject({ version: '3.7.3', alarms: [], quotaBytes: 2 * 1024 ** 3 });
    expect(
      captured!.members
        .map(({ name, peerUrls }) => `${name}=${peerUrls.join()}`)
        .sort()
        .join(),
    ).toBe(etcd.initialCluster);
    expect(captured!.members).toHaveLength(3);

    await etcd.killAll();
    for (const member of etcd.members) await rm(member.dataDir, { recursive: true });

    const root = join(folder, 'restored');
    const restored = await holdfast([
      'etcd',
      'restore',
      'nightly',
      '--member',
      'all',
      '--data-dir',
      root,
      '--initial-cluster-token',
      'second',
      '-o',
      'json',
    ]);
    expect(restored).toMatchObject({ code: 0 });
    const answer = SCHEMAS['etcd-restore'].parse(JSON.parse(restored.stdout));
    expect(answer).toMatchObject({
      hash: 'equal',
      revision: captured!.revision,
      made: ['m1', 'm2', 'm3'].map((name) => ({ name, dataDir: join(root, name) })),
    });
    expect(await readdir(root)).toEqual(['m1', 'm2', 'm3']);

    for (const member of etcd.members) member.dataDir = join(root, member.name);
    await etcd.startMembers('second');
    const client = await etcd.client();
    const { kvs, header } = await client.getAll().prefix('k').exec();
    const found = new Map(kvs.map(({ key, value }) => [key.toString(), value.toString()]));
    for (const [key, value] of before.early) expect(found.get(key)).toBe(value);
    for (const [key, value] of found) expect(before.all.get(key)).toBe(value);
    expect(BigInt(header.revision)).toBeGreaterThanOrEqual(BigInt(captured!.revision) + 1_000_000_000n);
    expect(answer.newRevision).toBe(header.revision);
    expect(await etcd.tool('etcdctl', ['endpoint', 'health', '--cluster'])).not.toContain('unhealthy');
    const { members } = await client.cluster.memberList({ linearizable: true });
    expect(members.map(({ name }) => name).sort()).toEqual(['m1', 'm2', 'm3']);
    await client.put('k-after').value('works');
  }, 300_000);

  it('writes over nothing, and makes one member on its own machine', async () => {
    const again = await holdfast(['etcd', 'restore', 'nightly', '--name', 'm1', '--data-dir', join(folder, 'restored', 'm1')]);
    expect(again.stderr).toBe(
      `holdfast: ${join(folder, 'restored', 'm1')} exists: nothing is ever written over; name a new directory, or move the old one away first\n`,
    );
    expect(again.code).toBe(2);
    const one = await holdfast([
      ...['etcd', 'restore', 'nightly', '--name', 'b', '--data-dir', join(folder, 'alone', 'b'), '--bump-revision', '0'],
      ...[
        '--initial-cluster',
        'a=http://127.0.0.1:2380,b=http://127.0.0.1:12380',
        '--initial-advertise-peer-urls',
        'http://127.0.0.1:12380',
      ],
    ]);
    expect(one).toMatchObject({ code: 0 });
    expect(one.stdout).toMatch(/^a +http:\/\/127\.0\.0\.1:2380 +\(restore it on its own machine\)$/m);
    const { etcd: captured } = await described('nightly');
    const database = join(folder, 'alone', 'b', 'member', 'snap', 'db');
    expect((await stat(database)).mode & 0o777).toBe(0o600);
    const hash = JSON.parse(await etcd.tool('etcdutl', ['hashkv', database, '--rev', captured!.revision, '-w', 'json'])) as {
      readonly hash: number;
    };
    expect(String(hash.hash)).toBe(captured!.hash);
    expect(await readdir(join(folder, 'alone'))).toEqual(['b']);
  }, 120_000);

  it('leaves nothing at the target when it is killed, and nothing beside it after the next one', async () => {
    const [parent, tool, pidFile] = [join(folder, 'killed'), join(folder, 'slow-etcdutl'), join(folder, 'pid')];
    await mkdir(parent);
    await writeFile(tool, `#!/bin/sh\necho $$ > ${pidFile}.new\nmv ${pidFile}.new ${pidFile}\nexec sleep 600\n`, { mode: 0o755 });
    const restore = ['etcd', 'restore', 'nightly', '--name', 'm1', '--data-dir', join(parent, 'm1')];
    const command = start([...restore, '--etcdutl', tool]);
    let pid = '';
    while (pid === '' && command.running) {
      await delay(25);
      pid = await readFile(pidFile, 'utf8').catch(() => '');
    }
    await command.kill('SIGKILL');
    process.kill(Number(pid), 'SIGKILL');
    expect(await readdir(parent)).toEqual([expect.stringMatching(/^\.holdfast-etcd-/)]);
    expect(await holdfast(restore)).toMatchObject({ code: 0 });
    expect(await readdir(parent)).toEqual(['m1']);
  }, 120_000);

  it('ends complete when its worker is killed in the middle of the snapshot, and nothing is to be seen of it until then', async () => {
    const client = await etcd.client();
    for (let number = 0; number < 24; number += 1) await client.put(`big/${number}`).value(randomBytes(MEBIBYTE));
    const proxy = await HoldingProxy.start(Number(new URL(etcd.endpoints[0]!).port), 16 * MEBIBYTE);
    try {
      const before = await packs();
      const backup = ['etcd', 'backup', 'killed', '--cluster', 'prod', ...etcd.flags([`https://127.0.0.1:${proxy.port}`])];
      const first = start(backup);
      await until('the snapshot is held in the middle, and a part of it is stored', async () => {
        if (!first.running) throw new Error(first.stderr);
        return proxy.isHolding && (await packs()) > before;
      });
      await first.kill('SIGKILL');
      expect((await holdfast(['backup', 'get', '-o', 'name'])).stdout).not.toContain('killed');
      proxy.letGo();
      expect((await holdfast(backup)).stderr).toContain('running already; follow it with `holdfast backup describe killed --wait`');
      // Whoever follows it is its worker now.
      expect(await holdfast(['backup', 'describe', 'killed', '--wait'])).toMatchObject({ code: 0 });
    } finally {
      await proxy.stop();
    }
    const restored = await holdfast(['etcd', 'restore', 'killed', '--name', 'm1', '--data-dir', join(folder, 'after-kill'), '-o', 'json']);
    expect(SCHEMAS['etcd-restore'].parse(JSON.parse(restored.stdout))).toMatchObject({ hash: 'equal' });
    expect(await holdfast(['backup', 'verify', 'killed'])).toMatchObject({ code: 0 });
  }, 300_000);

  it('shows the snapshot in lists and descriptions', async () => {
    const [list, text] = [await holdfast(['backup', 'get']), await holdfast(['backup', 'describe', 'nightly'])];
    expect(list.stdout).toMatch(/^nightly +Completed +0 \+ etcd /m);
    expect(text.stdout).toMatch(/^Etcd: +3\.7\.3, cluster [0-9a-f]+, snapshot of https:/m);
    expect(text.stdout).toMatch(/^ {2}m3 +[0-9a-f]+ +https:\S+ +https:\S+ +voter$/m);
  }, 60_000);
});

/** Writes to etcd while the work is done, and tells what there was before and in the end. */
async function writeWhile(
  work: () => Promise<void>,
): Promise<{ readonly early: ReadonlyMap<string, string>; readonly all: ReadonlyMap<string, string> }> {
  const client = await etcd.client();
  const all = new Map<string, string>();
  const write = async (): Promise<void> => {
    const [key, value] = [`k${all.size}`, `value ${all.size}`];
    all.set(key, value);
    await client.put(key).value(value);
  };
  for (let count = 0; count < 200; count += 1) await write();
  const early = new Map(all);
  const ended = new AbortController();
  const writing = (async () => {
    while (!ended.signal.aborted) await write();
  })();
  try {
    await work();
  } finally {
    ended.abort();
    await writing;
  }
  expect(all.size).toBeGreaterThan(early.size);
  return { early, all };
}

/** How many are in the location. */
async function packs(): Promise<number> {
  const entries = await readdir(join(folder, 'location', 'packs'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).length;
}

async function described(name: string) {
  const { stdout } = await holdfast(['backup', 'describe', name, '-o', 'json']);
  return SCHEMAS['backup-describe'].parse(JSON.parse(stdout));
}

function holdfast(args: readonly string[]): Promise<CommandResult> {
  return start(args).ended;
}

function start(args: readonly string[]): ChildCommand {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(TEMPORAL_|ETCDCTL_|HOLDFAST_(CONFIG|STATE_DIR|DEBUG)$|KUBECONFIG$)/.test(name),
  );
  return new ChildCommand(args, {
    ...Object.fromEntries(own),
    HOLDFAST_CONFIG: join(folder, 'config.yaml'),
    HOLDFAST_STATE_DIR: join(folder, 'state'),
    KUBECONFIG: join(folder, 'no-kubeconfig'),
    TEMPORAL_CONFIG_FILE: join(folder, 'temporal.toml'),
    TMPDIR: join(folder, 'tmp'),
    NO_COLOR: '1',
  });
}
