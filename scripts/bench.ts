/**
 * `npm run bench -- api [--record] [--repetitions 3] [--objects 10000] [--namespaces 200]`, `npm run bench -- large [--record]` and
 * `npm run bench -- etcd [--record] [--repetitions 5]`: measure on real servers of their own, print a table, and with --record write it to
 * docs/benchmarks.md. Linux only: memory is read from /proc.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchApi } from './bench-api.ts';
import { benchEtcd } from './bench-etcd.ts';
import { benchLarge } from './bench-large.ts';
import { circumstances, markdownTable, median, record, type Measure } from './bench-report.ts';

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

const what = positionals.join(' ');
if (what === 'api') {
  const [repetitions, objects, namespaces] = [Number(flags.repetitions), Number(flags.objects), Number(flags.namespaces)];
  await report(what, await benchApi({ repetitions, objects, namespaces }));
} else if (what === 'large') await report(what, await benchLarge());
else if (what === 'etcd') await report(what, await benchEtcd(Number(flags.repetitions)));
else {
  console.error(
    'bench: say what to measure: npm run bench -- api [--record] [--repetitions N] [--objects N] [--namespaces N], large [--record], or etcd [--record] [--repetitions N]',
  );
  process.exitCode = 2;
}

async function report(section: string, measures: readonly Measure[]): Promise<void> {
  const text = `Recorded ${circumstances()}.\n\n${markdownTable(measures)}`;
  process.stdout.write(`${text}\n`);
  if (flags.record) await record(RECORD, section, text);
  const isMissed = measures.some(({ target, values }) => target !== undefined && !target.isMet(median(values)));
  if (isMissed) console.error('bench: a target is missed');
}
