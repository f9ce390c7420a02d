import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { PostgresServer } from './postgres-server.ts';

export interface RowWriter {
  /** The highest number whose commit the server acknowledged; all below it are acknowledged too. */
  acknowledged(): number;
  stop(): Promise<void>;
}

/** Writes numbered rows into `rows` of `shop`, a transaction each, and updates old ones, as fast as the server takes them. */
export async function startWriter(server: PostgresServer): Promise<RowWriter> {
  await server.run('psql', '-U', 'app', '-d', 'shop', '-c', 'CREATE TABLE rows (n int PRIMARY KEY, filler text, seen int DEFAULT 0)');
  const psql = spawn('psql', ['-U', 'app', '-d', 'shop', '-qAt', '-v', 'ON_ERROR_STOP=1'], {
    env: { ...process.env, PGHOST: server.folder },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(psql, 'close');
  psql.stdin.on('error', () => undefined);
  let acknowledged = 0;
  let next = 1;
  let running = true;
  const write = () => {
    if (!running) return;
    const row = `INSERT INTO rows VALUES (${next}, repeat(md5('${next}'), 20));`;
    const update = `UPDATE rows SET seen = seen + 1 WHERE n % 97 = ${next % 97} AND n > ${next - 2_000};`;
    psql.stdin.write(`${row}${next % 20 === 0 ? update : ''} SELECT ${next};\n`);
    next += 1;
  };
  createInterface({ input: psql.stdout }).on('line', (line) => {
    // The SELECT is answered after the commit of what stands before it.
    acknowledged = Number(line);
    write();
  });
  write();
  return {
    acknowledged: () => acknowledged,
    stop: async () => {
      running = false;
      psql.stdin.end();
      await closed;
    },
  };
}
