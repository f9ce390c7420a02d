import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { upSandbox } from '../../sandbox/control-plane.ts';
import { CSI_SERVERS } from '../../sandbox/node/csi/csi-servers.ts';
import { DRIVER_SOCKET } from '../../sandbox/node/csi/driver-name.ts';
import { readInit, readNodePlace } from '../../sandbox/node/node-place.ts';
import type { NodePlace } from '../../sandbox/node/node-place.ts';
import { downSandbox, sandboxStatus } from '../../sandbox/sandbox-status.ts';
import { sandboxPaths } from '../../sandbox/state-folder.ts';
import { CsiClient } from '../support/csi-client.ts';
import { tracesOf } from '../support/node-traces.ts';

const NAME = 'csi';
const DEVICE = { block: {}, access_mode: { mode: 1 } };
let state: string;

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'holdfast-csi-'));
});

afterAll(async () => {
  await downSandbox({ name: NAME, state, purge: true }).catch(() => undefined);
  await rm(state, { recursive: true, force: true });
});

const up = () => upSandbox({ name: NAME, state, withNode: true, withStorageDriver: true });
const servers = async () => (await sandboxStatus({ name: NAME, state })).servers;

/** Loop devices over files of the node. */
const loopDevices = ({ folder }: NodePlace) =>
  execFileSync('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE'], { encoding: 'utf8' })
    .split('\n')
    .filter((file) => file.includes(folder));

async function withDriver<T>(place: NodePlace, work: (driver: CsiClient) => Promise<T>): Promise<T> {
  const driver = new CsiClient(`/proc/${(await readInit(place))?.pid ?? 0}/root${DRIVER_SOCKET}`);
  try {
    return await work(driver);
  } finally {
    driver.close();
  }
}

it('is shown with the sandbox, mended by up, has its volumes again after a down, and leaves no device and no mount behind', async () => {
  await up();
  const place = await readNodePlace(sandboxPaths(NAME, state));
  if (place === undefined) throw new Error('the sandbox has no node');
  const request = { name: 'device', volume_capabilities: [DEVICE], capacity_range: { required_bytes: 1024 * 1024 } };
  await withDriver(place, async (driver) => {
    const { volume } = (await driver.call('CreateVolume', request)) as { readonly volume: { readonly volume_id: string } };
    const target_path = '/var/lib/kubelet/plugins/kubernetes.io/csi/volumeDevices/publish/pv/pod';
    await driver.call('NodePublishVolume', { volume_id: volume.volume_id, target_path, volume_capability: DEVICE });
  });
  expect(loopDevices(place)).toHaveLength(1);

  const driver = (await servers()).find(({ name }) => name === 'csi-driver');
  process.kill(driver?.pid ?? 0, 'SIGKILL');
  await up();
  const running = (await servers()).filter((server) => server.running).map(({ name }) => name);
  expect(running).toEqual(expect.arrayContaining([...CSI_SERVERS]));
  expect(await withDriver(place, (again) => again.call('Probe'))).toEqual({ ready: { value: true } });

  await downSandbox({ name: NAME, state, purge: false });
  expect(loopDevices(place)).toEqual([]);
  expect(tracesOf(place)).toEqual([]);
  expect((await servers()).map(({ name }) => name)).not.toContain('csi-driver');

  await up();
  const renewed = await readNodePlace(sandboxPaths(NAME, state));
  if (renewed === undefined) throw new Error('the sandbox has no node');
  const volumes = await withDriver(renewed, (again) => again.call('CreateVolume', request));
  expect(volumes).toMatchObject({ volume: { capacity_bytes: 1024 * 1024 } });
}, 240_000);
