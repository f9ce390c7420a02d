import type { Command } from 'commander';
import { HoldfastError } from '../../contracts/failures.ts';
import type { StoreCheck } from '../../workers/dependencies.ts';
import { ExitCode } from '../exit-codes.ts';
import { withOutput, type OutputOptions } from '../options.ts';
import { note, printAnswer } from '../output/print.ts';
import { bytes } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { withSession } from '../session.ts';

export function locationCheckCommand(location: Command, done: (code: ExitCode) => void): void {
  withOutput(location.command('check [name]'))
    .description(
      'try on the place itself whether backups can be kept there: rights that are missing or too many, create-only writes, clock, versions, ' +
        'object lock, speed. Writes about 20 MiB below checks/ and removes them. Exit code 5 when the place cannot be used',
    )
    .action(async (name: string | undefined, options: OutputOptions) => {
      done(await check(name ?? '', options));
    });
}

async function check(given: string, options: OutputOptions): Promise<ExitCode> {
  return withSession(async (session) => {
    const name = session.locationName(given);
    const store = await session.services.checkPlace(name, (step) => {
      if (process.stderr.isTTY) note(`checking: ${step}`);
    });
    const found = { location: name, ...store };
    const repository = store.usable ? await session.repository(name).then(opened, notOpened) : undefined;
    const findings = repository ? [...found.findings, repository] : found.findings;
    printAnswer(options.output, {
      data: { ...found, findings },
      names: [`location/${name}`],
      table: () => checkText({ ...store, findings }),
    });
    return store.usable ? ExitCode.Done : ExitCode.Failed;
  });
}

type Finding = StoreCheck['findings'][number];

function opened({ id }: { readonly id: string }): Finding {
  return { check: 'repository', level: 'ok', detail: `${id} is opened by its key`, advice: '' };
}

/** The place may be checked before there is a repository in it. */
function notOpened(error: unknown): Finding {
  if (!(error instanceof HoldfastError)) throw error;
  const advice = error.type === 'NotFound' ? 'make one with `holdfast repository init`' : error.advice;
  return { check: 'repository', level: 'warning', detail: error.message, advice };
}

function checkText({ findings, speed, leftBehind }: StoreCheck): string {
  const rows = findings.map(({ check: what, level, detail, advice }) => [
    what,
    level.toUpperCase(),
    advice === '' ? detail : `${detail}: ${advice}`,
  ]);
  if (speed.uploadBytesPerSecond > 0) {
    const { latencyMs, uploadBytesPerSecond, downloadBytesPerSecond } = speed;
    rows.push([
      'speed',
      'OK',
      `${bytes(uploadBytesPerSecond)}/s up, ${bytes(downloadBytesPerSecond)}/s down, ${latencyMs} ms for a small request`,
    ]);
  }
  if (leftBehind.length > 0) {
    rows.push([
      'left behind',
      'WARNING',
      `${leftBehind.join(', ')}: could not be removed, remove them when their lock ends or with other rights`,
    ]);
  }
  return table(['CHECK', 'RESULT', 'DETAIL'], rows);
}
