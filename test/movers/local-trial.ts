import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureRepository } from '../../movers/ensure-repository.ts';
import { LocalMover } from '../../movers/local-mover.ts';
import { LocalRestic } from '../../movers/local-restic.ts';
import type { VolumeRepository } from '../../movers/port.ts';
import { processIdentity } from '../../sandbox/process-identity.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import type { MoverTrial } from '../contract/mover.suite.ts';
import { resticProcesses } from '../support/restic-processes.ts';

export interface LocalTrial extends MoverTrial {
  readonly folder: string;
  readonly restic: LocalRestic;
  /** The folder in which the repository's data is at last. */
  readonly storedIn: string;
}

/** A local mover with folders of its own. `stored` is the folder in which the repository's data is at last. */
export async function localTrial(
  repositoryIn: (folder: string) => { readonly repository: VolumeRepository; readonly stored: string },
): Promise<LocalTrial> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-mover-'));
  const root = join(folder, 'volumes');
  mkdirSync(root);
  const program = (await resolveTools(['restic'])).get('restic') ?? '';
  const settings = { restic: program, scratch: join(folder, 'scratch'), root, processIdentity };
  const restic = new LocalRestic(settings);
  const { repository, stored } = repositoryIn(folder);
  await ensureRepository(restic, repository, { signal: new AbortController().signal, patienceMs: 0 });
  return {
    folder,
    restic,
    storedIn: stored,
    mover: new LocalMover(settings),
    repository,
    newMover: () => new LocalMover(settings),
    newVolume: () => {
      const path = join(root, randomBytes(4).toString('hex'));
      mkdirSync(path);
      return Promise.resolve({ source: { kind: 'folder', path }, folder: path });
    },
    kill: async (id) => {
      const { pid } = JSON.parse(readFileSync(join(settings.scratch, 'tasks', id, 'process.json'), 'utf8')) as { readonly pid: number };
      process.kill(-pid, 'SIGKILL');
      await delay(100);
    },
    leftovers: () =>
      Promise.resolve([
        ...resticProcesses(repository.password).map(({ line }) => line),
        ...filesBelow(join(settings.scratch, 'tasks')).filter((path) => !path.endsWith('/process.json')),
        ...readdirSync(settings.scratch).filter((name) => name.startsWith('run-')),
      ]),
    stored: () => Promise.resolve(sizeOf(stored)),
    stop: () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.map((name) => join(folder, name)).filter((path) => lstatSync(path).isFile());
}

function sizeOf(folder: string): number {
  if (!existsSync(folder)) return 0;
  try {
    return Number(execFileSync('du', ['-sb', folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\t')[0]);
  } catch {
    // A file was renamed meanwhile.
    return 0;
  }
}
