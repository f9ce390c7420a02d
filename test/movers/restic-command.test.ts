import { describe, expect, it } from '@jest/globals';
import type { BackupTask, RestoreTask } from '../../movers/port.ts';
import * as command from '../../movers/restic-command.ts';

const repository = {
  url: 's3:https://host/bucket/volumes/uid',
  password: 'password-canary',
  environment: { AWS_SECRET_ACCESS_KEY: 'key-canary' },
  authority: 'authority-canary',
  options: { 's3.bucket-lookup': 'path' },
};
const task = { id: 'a', source: { kind: 'folder', path: '/v' }, volumeMode: 'Filesystem', repository } as const;
const backup: BackupTask = { ...task, host: 'shop/data', backup: 'nightly' };
const restore: RestoreTask = { ...task, snapshot: 'abc', path: '/', exact: false, checksum: false };
const context = { repository, cacheFolder: '/cache', device: '/dev/x' };
const common = ['--json', '--retry-lock', '5m', '--cache-dir', '/cache', '--cleanup-cache', '-o', 's3.bucket-lookup=path'];

describe('arguments of restic', () => {
  it('save the working directory under its own name, whatever it is called here', () => {
    expect(command.backupArguments(backup, context)).toEqual([
      'backup',
      ...common,
      ...['--host', 'shop/data', '--tag', 'holdfast', '--tag', 'backup=nightly', '--group-by', 'host', '--one-file-system'],
    ]);
  });

  it('read a block device by a command whose failure counts', () => {
    const args = command.backupArguments({ ...backup, volumeMode: 'Block' }, context);
    expect(args.slice(-6)).toEqual(['--stdin-filename', 'volume.img', '--stdin-from-command', '--', 'cat', '/dev/x']);
  });

  it('restore into the working directory, and delete and compare only when told to', () => {
    expect(command.restoreArguments(restore, context)).toEqual(['restore', 'abc', ...common, '--target', '.', '--sparse']);
    expect(command.restoreArguments({ ...restore, exact: true, checksum: true }, context).slice(-2)).toEqual(['--delete', '--verify']);
  });

  it('take what is special in a path literally', () => {
    const args = command.restoreArguments({ ...restore, path: '/a*b?[c]\\d/' }, context);
    expect(args.slice(args.indexOf('--include'))).toEqual(['--include', '/a\\*b\\?\\[c\\]\\\\d']);
  });

  it('restore a block device onto the device', () => {
    const args = command.restoreArguments({ ...restore, volumeMode: 'Block' }, context);
    expect(args.slice(0, 3)).toEqual(['dump', 'abc', '/volume.img']);
    expect(args.slice(-2)).toEqual(['--target', '/dev/x']);
    expect(() => command.restoreArguments({ ...restore, volumeMode: 'Block', checksum: true }, context)).toThrow(/cannot be compared/);
  });

  it('repair the index only when nobody else is at work', () => {
    const args = command.repairIndexArguments(context);
    expect(args.slice(0, 2)).toEqual(['repair', 'index']);
    expect(args[args.indexOf('--retry-lock') + 1]).toBe('0s');
  });

  it('name snapshots, folders and files of all other commands', () => {
    expect(command.initArguments(context)).toEqual(['init', ...common]);
    expect(command.configArguments(context)).toEqual(['cat', 'config', ...common]);
    expect(command.unlockArguments(context)).toEqual(['unlock', ...common]);
    expect(command.lsArguments('abc', '/folder', { ...context, recursive: true })).toEqual([
      'ls',
      'abc',
      '/folder',
      '--recursive',
      ...common,
    ]);
    expect(command.dumpArguments('abc', '/file', context)).toEqual(['dump', 'abc', '/file', ...common]);
    expect(command.snapshotsArguments(context)).toEqual(['snapshots', '--no-lock', ...common, '--tag', 'holdfast']);
    expect(command.snapshotsArguments({ ...context, snapshot: 'abc' }).at(-1)).toBe('abc');
    expect(command.treeArguments('abc', '/', context)).toEqual(['cat', 'tree', 'abc', ...common]);
    expect(command.treeArguments('abc', '/folder', context)).toEqual(['cat', 'tree', 'abc:/folder', ...common]);
    expect(command.statsArguments(['a'], context)).toEqual(['stats', '--mode', 'raw-data', '--no-lock', ...common, 'a']);
    expect(command.checkArguments({ ...context, readPercent: 0 })).toEqual(['check', '--no-lock', ...common]);
    expect(command.checkArguments({ ...context, readPercent: 10 }).at(-1)).toBe('--read-data-subset=10%');
    expect(command.checkArguments({ ...context, readPercent: 100 }).at(-1)).toBe('--read-data');
  });

  it('do not wait for others where restic needs the repository for itself', () => {
    const alone = common.map((word) => (word === '5m' ? '0s' : word));
    expect(command.forgetArguments(['a', 'b'], context)).toEqual(['forget', ...alone, 'a', 'b']);
    expect(command.pruneArguments({ ...context, repack: true })).toEqual(['prune', ...alone]);
    expect(command.pruneArguments({ ...context, repack: false })).toEqual(['prune', ...alone, '--max-repack-size', '0']);
  });

  it('restore parts into a folder, literally, and compare them', () => {
    const args = command.restorePartsArguments({ snapshot: 'abc', paths: ['/a*', '/b/'], folder: '/to' }, context);
    expect(args).toEqual(['restore', 'abc', ...common, '--target', '/to', '--sparse', '--verify', '--include', '/a\\*', '--include', '/b']);
  });

  it('hold no secret', () => {
    const all = [
      command.backupArguments(backup, context),
      command.restoreArguments(restore, context),
      command.initArguments(context),
      command.forgetArguments(['a'], context),
      command.pruneArguments({ ...context, repack: true }),
    ];
    expect(JSON.stringify(all)).not.toMatch(/canary/);
  });
});
