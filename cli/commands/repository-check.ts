import { InvalidArgumentError, type Command } from 'commander';
import { ExitCode } from '../exit-codes.ts';
import { withLocation, withOutput, type LocationOptions, type OutputOptions } from '../options.ts';
import { checkText } from '../output/check-text.ts';
import { printAnswer } from '../output/print.ts';
import { progressLine } from '../output/progress-line.ts';
import { StatusLine } from '../output/status-line.ts';
import { withSession } from '../session.ts';

interface CheckCommandOptions extends LocationOptions, OutputOptions {
  readonly readData?: number | true;
  readonly seed?: string;
  readonly acceptHistory: boolean;
}

const OF_STATE = { sound: ExitCode.Done, blemished: ExitCode.PartiallyFailed, damaged: ExitCode.Failed } as const;

export function addRepositoryCheck(repository: Command, done: (code: ExitCode) => void): void {
  withOutput(withLocation(repository.command('check')))
    .description('prove that the location holds what was written; exits with 5 when a backup is affected, 4 when something else is wrong')
    .option(
      '--read-data [percent]',
      'also read and authenticate the content of all packs, or of a share of them such as 10%',
      percentOption,
    )
    .option('--seed <hex>', 'where a share begins: the same one reads the same packs (default: where the last check ended)', seedOption)
    .option('--accept-history', 'take what is there for right, although earlier checks on this machine saw something else', false)
    .action(async (options: CheckCommandOptions) => {
      done(await check(options));
    });
}

async function check({ readData, seed, acceptHistory, location, output }: CheckCommandOptions): Promise<ExitCode> {
  return withSession(async (session) => {
    const status = new StatusLine();
    const request = { readDataPercent: readData === true ? 100 : (readData ?? 0), acceptHistory, ...(seed === undefined ? {} : { seed }) };
    try {
      const report = await session.services.checkLocation(session.locationName(location), { ...request, onProgress: progressLine(status) });
      status.clear();
      printAnswer(output, {
        data: report,
        names: report.findings.filter(({ severity }) => severity !== 'note').map(({ code, key }) => (key === '' ? code : `${code}/${key}`)),
        table: (wide) => checkText(report, wide),
      });
      return OF_STATE[report.state];
    } finally {
      status.clear();
    }
  });
}

/** `10%` or `10`. */
export function percentOption(value: string): number {
  const percent = Number(/^(\d{1,3}(?:\.\d+)?)%?$/.exec(value)?.[1]);
  if (!(percent > 0 && percent <= 100)) throw new InvalidArgumentError('write a share such as 10%, above 0 and up to 100');
  return percent;
}

export function seedOption(value: string): string {
  if (!/^[0-9a-f]{8}$/.test(value)) throw new InvalidArgumentError('write eight hexadecimal digits');
  return value;
}
