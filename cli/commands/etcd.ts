import type { Command } from 'commander';
import type { ExitCode } from '../exit-codes.ts';
import { addEtcdBackup } from './etcd-backup.ts';
import { addEtcdOpen } from './etcd-open.ts';
import { addEtcdRestore } from './etcd-restore.ts';

export function etcdCommand(program: Command, done: (code: ExitCode) => void): void {
  const etcd = program.command('etcd').description("a cluster's store: back it up, restore it, look into it");
  addEtcdBackup(etcd, done);
  addEtcdRestore(etcd, done);
  addEtcdOpen(etcd, done);
}
