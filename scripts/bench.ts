/**
 * `npm run bench -- api [--record] [--repetitions 3] [--objects 10000] [--namespaces 200]`: measures on real servers of its own, prints a
 * table, and with --record writes it to docs/benchmarks.md. Linux only: memory is read from /proc.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchApi } from './bench-api.ts';
import { circumstances, markdownTable, median, record } from './bench-report.ts';

const RECORD = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));

const { positionals, values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    record: { type: 'boolean', default: false },
    repetitions: { type: 'string', default: '3' },
    objects: { type: 'string', default: '10000' },
    namespaces: { type: 'string', default: '200' },
  },
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // The servers hold leases of this process and end within seconds of it.
  process.once(signal, () => process.exit(130));
}

if (positionals.join(' ') === 'api') await run();
else {
  console.error('bench: say what to measure: npm run bench -- api [--record] [--repetitions N] [--objects N] [--namespaces N]');
  process.exitCode = 2;
}

async function run(): Promise<void> {
  const [repetitions, objects, namespaces] = [Number(flags.repetitions), Number(flags.objects), Number(flags.namespaces)];
  const measures = await benchApi({ repetitions, objects, namespaces });
  const text = `Recorded ${circumstances()}.\n\n${markdownTable(measures)}`;
  process.stdout.write(`${text}\n`);
  if (flags.record) await record(RECORD, text);
  const isMissed = measures.some(({ target, values }) => target !== undefined && !target.isMet(median(values)));
  if (isMissed) console.error('bench: a target is missed');
}
