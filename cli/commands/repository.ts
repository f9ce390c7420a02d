import type { Command } from 'commander';
import type { ExitCode } from '../exit-codes.ts';
import { addRepositoryCheck } from './repository-check.ts';
import { addRepositoryGc } from './repository-gc.ts';
import { repositoryInitCommand } from './repository-init.ts';
import { addRepositoryStats } from './repository-stats.ts';

export function repositoryCommand(program: Command, done: (code: ExitCode) => void): void {
  const repository = program.command('repository').description('the encrypted store inside a location');
  repositoryInitCommand(repository);
  addRepositoryCheck(repository, done);
  addRepositoryStats(repository);
  addRepositoryGc(repository, done);
}
