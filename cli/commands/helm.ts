import type { Command } from 'commander';
import type { ExitCode } from '../exit-codes.ts';
import { addHelmExport } from './helm-export.ts';
import { addHelmRestore } from './helm-restore.ts';

export function helmCommand(program: Command, done: (code: ExitCode) => void): void {
  const helm = program.command('helm').description('Helm releases: their charts and values, out of a backup or a cluster and back');
  addHelmExport(helm, done);
  addHelmRestore(helm, done);
}
