import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { FORMAT_VERSION } from '../../contracts/manifest.ts';
import { withOutput, type OutputOptions } from '../options.ts';
import { printAnswer } from '../output/print.ts';

export function versionCommand(program: Command): void {
  withOutput(program.command('version'))
    .description('print the version')
    .action((options: OutputOptions) => {
      const data = { version: packageVersion(), repositoryFormat: FORMAT_VERSION, node: process.versions.node };
      printAnswer(options.output, {
        data,
        names: [data.version],
        table: () => `holdfast ${data.version} (repository format ${data.repositoryFormat}, Node ${data.node})`,
      });
    });
}

export function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
