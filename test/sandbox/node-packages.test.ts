import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installCommand, missingPackages } from '../../sandbox/node/node-packages.ts';

const PROGRAMS = ['containerd', 'ctr', 'containerd-shim-runc-v2', 'runc', 'ip', 'iptables', 'unshare', 'nsenter', 'setpriv', 'tar'];
const PLUGINS = ['bridge', 'host-local', 'loopback'];
let folder: string;

const put = (name: string, content = '#!/bin/sh\n') => writeFile(join(folder, name), content, { mode: 0o755 });
const remove = (name: string) => rm(join(folder, name));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-packages-'));
  for (const name of [...PROGRAMS, ...PLUGINS, 'busybox']) await put(name);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('missingPackages', () => {
  it('is content with a machine that has everything', async () => {
    expect(await missingPackages(folder, [folder])).toEqual([]);
  });

  it.each([
    ['containerd', 'containerd'],
    ['containerd-shim-runc-v2', 'containerd'],
    ['runc', 'runc'],
    ['ip', 'iproute2'],
    ['iptables', 'iptables'],
    ['nsenter', 'util-linux'],
    ['loopback', 'containernetworking-plugins'],
    ['busybox', 'busybox-static'],
  ])('names the package of %s', async (program, name) => {
    await remove(program);
    expect(await missingPackages(folder, [folder])).toEqual([name]);
  });

  it('does not take a busybox that needs shared libraries', async () => {
    await put('busybox', '\u007fELF ... /lib64/ld-linux-x86-64.so.2 ...');
    expect(await missingPackages(folder, [folder])).toEqual(['busybox-static']);
  });

  it('looks for plugins in one folder after the other, and for all of them in the same', async () => {
    expect(await missingPackages(folder, ['/nonexistent', folder])).toEqual([]);
    await remove('bridge');
    expect(await missingPackages(folder, ['/nonexistent', folder])).toEqual(['containernetworking-plugins']);
  });

  it('says how to install them', () => {
    expect(installCommand(['runc', 'iproute2'])).toBe('apt-get install --no-install-recommends runc iproute2');
  });
});
