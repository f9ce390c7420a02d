import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { BackupVerifier, type BackupVerification } from '../../repository/check/verify-backup.ts';
import { ExitCode } from '../exit-codes.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { verificationText } from '../output/check-text.ts';
import { note, printAnswer } from '../output/print.ts';
import { progressLine } from '../output/progress-line.ts';
import { StatusLine } from '../output/status-line.ts';
import { withSession } from '../session.ts';
import { percentOption, seedOption } from './repository-check.ts';

interface VerifyOptions extends LocationOptions, OutputOptions {
  readonly all: boolean;
  readonly sample: number;
  readonly seed?: string;
}

export function addBackupVerify(backup: Command, done: (code: ExitCode) => void): void {
  withOutput(withLocation(backup.command('verify [names...]')))
    .description('read backups back, authenticate, count and compare with what was captured; exits with 5 when something is wrong')
    .option('--all', 'every backup of the location', false)
    .option('--sample <percent>', 'read only a share of the segments of each, such as 5%', percentOption, 100)
    .option('--seed <hex>', 'which ones a share takes: the same for the same seed (default: random)', seedOption)
    .action(async (names: string[], options: VerifyOptions) => {
      done(await verify(names, options));
    });
}

async function verify(names: readonly string[], options: VerifyOptions): Promise<ExitCode> {
  if (options.all === names.length > 0) {
    throw new HoldfastError(FailureType.BadInput, 'backup verify needs the names of backups, or --all', {
      advice: 'write `backup verify NAME` or `backup verify --all`',
    });
  }
  return withSession(async (session) => {
    const location = session.locationName(options.location);
    const repository = await session.repository(location);
    const entries = options.all ? await repository.backups() : await Promise.all(names.map((name) => repository.findBackup(name)));
    const seed = options.seed ?? randomBytes(4).toString('hex');
    const status = new StatusLine();
    const verifier = new BackupVerifier(repository, { samplePercent: options.sample, seed, onProgress: progressLine(status) });
    try {
      const verified: BackupVerification[] = [];
      for (const entry of entries) verified.push(await verifier.verify(entry));
      status.clear();
      if (options.sample < 100) note(`a sample of ${options.sample}%; --seed ${seed} takes the same segments again`);
      printAnswer(options.output, {
        data: { location, percent: options.sample, seed: options.sample < 100 ? seed : '', backups: verified },
        names: verified.filter(({ state }) => state === 'damaged').map(({ name }) => `backup/${name}`),
        table: (wide) => verificationText(verified, wide),
      });
      return verified.some(({ state }) => state === 'damaged') ? ExitCode.Failed : ExitCode.Done;
    } finally {
      status.clear();
    }
  });
}
