import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import type { Cluster } from '../../kubernetes/port.ts';

export interface PodWriter {
  /** The highest number that was acknowledged up to then; all below it were, too. */
  acknowledgedAt(time: number): number;
  /** Ends it, when a row more has been written. */
  stop(): Promise<void>;
}

/**
 * Writes numbered rows into `rows` of a PostgreSQL server in a pod, a transaction each, and changes old ones, through one session that lasts
 * until it is stopped.
 */
export async function startPodWriter(cluster: Cluster, place: { readonly namespace: string; readonly pod: string }): Promise<PodWriter> {
  const acknowledged: { readonly at: number; readonly n: number }[] = [];
  const [input, output] = [new PassThrough(), new PassThrough()];
  const command = ['psql', '-U', 'app', '-d', 'shop', '-qAt', '-v', 'ON_ERROR_STOP=1'];
  const ended = cluster.exec({ ...place, container: '', command, stdin: input, onStdout: (chunk) => void output.write(chunk) });
  let isStopping = false;
  let next = 1;
  const write = (): void => {
    const row = `INSERT INTO rows VALUES (${next}, repeat(md5('${next}'), 20));`;
    const change = `UPDATE rows SET seen = seen + 1 WHERE n % 97 = ${next % 97} AND n > ${next - 2_000};`;
    input.write(`${row}${next % 20 === 0 ? change : ''} SELECT ${next};\n`);
    next += 1;
  };
  const { promise: first, resolve: begun } = Promise.withResolvers<undefined>();
  createInterface({ input: output }).on('line', (line) => {
    // The SELECT is answered after the commit of what stands before it.
    acknowledged.push({ at: Date.now(), n: Number(line) });
    begun(undefined);
    if (isStopping) input.end();
    else write();
  });
  input.write('CREATE TABLE rows (n int PRIMARY KEY, filler text, seen int DEFAULT 0);\n');
  write();
  const failed = ended.then(({ stderr }) => {
    throw new Error(`the writer has ended: ${stderr}`);
  });
  await Promise.race([first, failed]);
  failed.catch(() => undefined);
  return {
    acknowledgedAt: (time) => acknowledged.filter(({ at }) => at <= time).at(-1)?.n ?? 0,
    stop: async () => {
      isStopping = true;
      await ended;
    },
  };
}

/** Rows, the highest number, rows whose parts do not belong together, numbers. */
export const CHECK_ROWS = `SELECT count(*), max(n), count(*) FILTER (WHERE filler <> repeat(md5(n::text), 20)), count(DISTINCT n) FROM rows`;
