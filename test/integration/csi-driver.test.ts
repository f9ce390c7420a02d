import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DRIVER_SOCKET } from '../../sandbox/node/csi/driver-name.ts';
import { runInNode } from '../../sandbox/node/enter-node.ts';
import { readInit } from '../../sandbox/node/node-place.ts';
import { CsiClient } from '../support/csi-client.ts';
import { startTestNode } from '../support/sandbox-env.ts';

const MIB = 1024 * 1024;
const FOLDER = [{ mount: {}, access_mode: { mode: 1 } }];
const DEVICE = [{ block: {}, access_mode: { mode: 1 } }];
const PODS = '/var/lib/kubelet/pods';

let node: Awaited<ReturnType<typeof startTestNode>>;
let driver: CsiClient;

beforeAll(async () => {
  node = await startTestNode({ withStorageDriver: true });
  const init = await readInit(node.place);
  driver = new CsiClient(`/proc/${init?.pid ?? 0}/root${DRIVER_SOCKET}`);
}, 240_000);

afterAll(async () => {
  driver.close();
  await node.stop();
});

const sh = (script: string) => runInNode(node.place, ['sh', '-c', script]);
const stored = (kind: string) => readdir(join(node.place.folder, 'data', 'csi', kind)).catch(() => []);

async function newVolume(name: string, more: object = {}): Promise<string> {
  const request = { name, volume_capabilities: FOLDER, capacity_range: { required_bytes: 10 * MIB }, ...more };
  const { volume } = (await driver.call('CreateVolume', request)) as { readonly volume: { readonly volume_id: string } };
  return volume.volume_id;
}

async function newSnapshot(name: string, volume: string): Promise<string> {
  const { snapshot } = await driver.call('CreateSnapshot', { name, source_volume_id: volume });
  return (snapshot as { readonly snapshot_id: string }).snapshot_id;
}

/** Mounts a volume as kubelet would for a pod of that name; the path. */
async function publish(volume: string, pod: string, more: object = {}): Promise<string> {
  const target = `${PODS}/${pod}/volumes/kubernetes.io~csi/${volume}/mount`;
  await driver.call('NodePublishVolume', { volume_id: volume, target_path: target, volume_capability: FOLDER[0], ...more });
  return target;
}

const unpublish = (volume: string, target: string) => driver.call('NodeUnpublishVolume', { volume_id: volume, target_path: target });

describe('the storage driver of the sandbox', () => {
  it('says what it is', async () => {
    expect(await driver.call('GetPluginInfo')).toEqual({ name: 'csi.holdfast.dev', vendor_version: '1' });
    expect(await driver.call('Probe')).toEqual({ ready: { value: true } });
    expect(await driver.call('NodeGetInfo')).toMatchObject({ node_id: 'holdfast-node' });
  });

  it('makes one volume of a name however often it is asked, and another of the same name never', async () => {
    const volume = await newVolume('twice');
    expect(await newVolume('twice')).toBe(volume);
    await expect(newVolume('twice', { capacity_range: { required_bytes: 20 * MIB } })).rejects.toMatchObject({
      code: status.ALREADY_EXISTS,
    });
    await expect(newVolume('twice', { volume_capabilities: DEVICE })).rejects.toMatchObject({ code: status.ALREADY_EXISTS });
    await expect(newVolume('', {})).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await driver.call('DeleteVolume', { volume_id: volume });
    await driver.call('DeleteVolume', { volume_id: volume });
    await driver.call('DeleteVolume', { volume_id: '../../../../etc' });
    expect(await stored('volumes')).not.toContain(volume);
  });

  it('refuses what cannot be: sizes that exclude each other, sources that are not there or do not fit', async () => {
    const range = { required_bytes: 2 * MIB, limit_bytes: MIB };
    await expect(newVolume('impossible', { capacity_range: range })).rejects.toMatchObject({ code: status.OUT_OF_RANGE });
    const missing = { snapshot: { snapshot_id: 'snap-000000000000000000000000' } };
    await expect(newVolume('orphan', { volume_content_source: missing })).rejects.toMatchObject({ code: status.NOT_FOUND });
    const volume = await newVolume('large');
    const small = { volume_content_source: { volume: { volume_id: volume } }, capacity_range: { required_bytes: MIB } };
    await expect(newVolume('small', small)).rejects.toMatchObject({ code: status.OUT_OF_RANGE });
    await expect(
      newVolume('other', { volume_content_source: { volume: { volume_id: volume } }, volume_capabilities: DEVICE }),
    ).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    expect(await driver.call('ControllerExpandVolume', { volume_id: volume, capacity_range: { required_bytes: 30 * MIB } })).toMatchObject({
      capacity_bytes: 30 * MIB,
    });
    await driver.call('DeleteVolume', { volume_id: volume });
  });

  it('mounts a volume for pods, read-only where that is asked for, and lets it go again', async () => {
    const volume = await newVolume('mounted');
    const [first, second] = [await publish(volume, 'first'), await publish(volume, 'second', { readonly: true })];
    await publish(volume, 'first');
    await sh(`echo written >${first}/file`);
    expect(await sh(`cat ${second}/file`)).toBe('written\n');
    await expect(sh(`touch ${second}/more`)).rejects.toThrow(/Read-only/);
    await expect(driver.call('DeleteVolume', { volume_id: volume })).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
    await expect(publish('vol-000000000000000000000000', 'third')).rejects.toMatchObject({ code: status.NOT_FOUND });
    await expect(publish(volume, 'third', { volume_capability: DEVICE[0] })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    for (const target of [first, second, second]) await unpublish(volume, target);
    expect(await sh(`grep -c ${volume} /proc/self/mountinfo || true; ls -d ${first} ${second} 2>/dev/null || true`)).toBe('0\n');
    await driver.call('DeleteVolume', { volume_id: volume });
  });

  it('cuts snapshots that need nothing of their volume, lists them page by page, and makes volumes from them', async () => {
    const volume = await newVolume('source');
    const target = await publish(volume, 'writer');
    await sh(`cd ${target}; echo old >file; ln -s file link; chown 12:34 file; chmod 4750 file`);
    const snapshots = [await newSnapshot('one', volume), await newSnapshot('two', volume)];
    expect(await newSnapshot('one', volume)).toBe(snapshots[0]);
    await sh(`echo new >${target}/file`);
    await unpublish(volume, target);
    await driver.call('DeleteVolume', { volume_id: volume });

    const pages = [];
    for (let token = ''; ;) {
      const page = (await driver.call('ListSnapshots', { max_entries: 1, starting_token: token })) as unknown as Page;
      pages.push(...page.entries.map(({ snapshot }) => snapshot.snapshot_id));
      token = page.next_token;
      if (token === '') break;
    }
    expect(pages).toEqual(snapshots.toSorted());
    expect(await driver.call('ListSnapshots', { source_volume_id: 'another' })).toMatchObject({ entries: [] });

    const copy = await newVolume('copy', { volume_content_source: { snapshot: { snapshot_id: snapshots[0] } } });
    const seen = await publish(copy, 'reader');
    expect(await sh(`cd ${seen}; cat link; stat -c '%u:%g %a' file`)).toBe('old\n12:34 4750\n');
    await unpublish(copy, seen);
    await driver.call('DeleteVolume', { volume_id: copy });
    for (const id of [...snapshots, ...snapshots]) await driver.call('DeleteSnapshot', { snapshot_id: id });
    expect(await stored('snapshots')).toEqual([]);
  });

  it('cuts groups, whose snapshots go with them and not alone', async () => {
    const volumes = [await newVolume('left'), await newVolume('right')];
    const { group_snapshot: group } = (await driver.call('CreateVolumeGroupSnapshot', {
      name: 'pair',
      source_volume_ids: volumes,
    })) as unknown as {
      readonly group_snapshot: { readonly group_snapshot_id: string; readonly snapshots: readonly { readonly snapshot_id: string }[] };
    };
    const again = await driver.call('CreateVolumeGroupSnapshot', { name: 'pair', source_volume_ids: volumes });
    expect(again).toEqual({ group_snapshot: group });
    const other = driver.call('CreateVolumeGroupSnapshot', { name: 'pair', source_volume_ids: volumes.slice(1) });
    await expect(other).rejects.toMatchObject({ code: status.ALREADY_EXISTS });
    const [first] = group.snapshots;
    await expect(driver.call('DeleteSnapshot', { snapshot_id: first?.snapshot_id })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
    });
    const ids = group.snapshots.map(({ snapshot_id: id }) => id);
    const named = { group_snapshot_id: group.group_snapshot_id, snapshot_ids: ids };
    await expect(driver.call('DeleteVolumeGroupSnapshot', { ...named, snapshot_ids: ids.slice(1) })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    await driver.call('DeleteVolumeGroupSnapshot', named);
    await driver.call('DeleteVolumeGroupSnapshot', named);
    expect([await stored('snapshots'), await stored('groups')]).toEqual([[], []]);
    for (const id of volumes) await driver.call('DeleteVolume', { volume_id: id });
  });

  it('gives devices as well: what is written to one is in its snapshot, and no loop device is left', async () => {
    const isDevice = { volume_capabilities: DEVICE };
    const volume = await newVolume('device', isDevice);
    const publishDevice = async (id: string, pod: string) => {
      const target = `/var/lib/kubelet/plugins/kubernetes.io/csi/volumeDevices/publish/${id}/${pod}`;
      await driver.call('NodePublishVolume', { volume_id: id, target_path: target, volume_capability: DEVICE[0] });
      return target;
    };
    const target = await publishDevice(volume, 'writer');
    await sh(`printf 'on the device' >${target}`);
    const snapshot = await newSnapshot('of-device', volume);
    await unpublish(volume, target);
    const copy = await newVolume('device-copy', { ...isDevice, volume_content_source: { snapshot: { snapshot_id: snapshot } } });
    const seen = await publishDevice(copy, 'reader');
    expect(await sh(`head -c 13 ${seen}; blockdev --getsize64 ${seen}`)).toBe(`on the device${10 * MIB}\n`);
    await unpublish(copy, seen);
    expect(await sh(`losetup --list --noheadings --output BACK-FILE | grep -c ${node.place.folder} || true`)).toBe('0\n');
    for (const id of [volume, copy]) await driver.call('DeleteVolume', { volume_id: id });
    await driver.call('DeleteSnapshot', { snapshot_id: snapshot });
  });
});

interface Page {
  readonly entries: readonly { readonly snapshot: { readonly snapshot_id: string } }[];
  readonly next_token: string;
}
