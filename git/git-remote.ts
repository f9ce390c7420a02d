import { access, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManifestRules } from '../domain/git/field-rules.ts';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { BareClone } from './bare-clone.ts';
import { BrokenClone, gitFailure } from './git-failure.ts';
import type { GitCall, GitClone, GitRemote, SecretSealer } from './port.ts';
import { BEAT_MS, type Patience } from './reach-server.ts';
import { addressOf, gitEnvironment, gitSettings, secretsOf, withoutUserinfo, type RemoteAccess } from './remote-access.ts';
import { runGit, type GitProgram } from './run-git.ts';
import { sweepClone } from './sweep-clone.ts';

/** Runs work while no other process of this machine does so under the same path. */
type WithLock = <T>(
  path: string,
  options: { readonly signal: AbortSignal; readonly onWait: () => void },
  work: () => Promise<T>,
) => Promise<T>;

export interface RemoteSettings {
  readonly name: string;
  readonly access: RemoteAccess;
  readonly branch: string;
  /** `Name <address>`. */
  readonly author: string;
  readonly rules: ManifestRules;
  readonly secrets: GitRemote['secrets'];
  readonly helmValues: GitRemote['helmValues'];
  readonly sealer?: SecretSealer;
  /** Where the clone is kept: a folder of the remote's own, which may be deleted at any time. */
  readonly folder: string;
  readonly patience: Patience;
  readonly withLock: WithLock;
}

/** A remote that is reached with the program git. */
export function gitRemote({ withLock, ...settings }: RemoteSettings): GitRemote {
  const { name, branch, rules, secrets, helmValues, sealer, folder } = settings;
  return {
    ...{ name, branch, rules, secrets, helmValues },
    ...(sealer ? { sealer } : {}),
    open: async (call, work) => {
      const waiting = setInterval(call.beat, BEAT_MS);
      try {
        return await withLock(join(folder, 'lock'), { signal: call.signal, onWait: call.beat }, async () => {
          clearInterval(waiting);
          await sweepClone(cloneFolder(folder));
          return worked(settings, call, work);
        });
      } finally {
        clearInterval(waiting);
      }
    },
  };
}

async function worked<T>(settings: Settings, call: GitCall, work: (clone: GitClone) => Promise<T>): Promise<T> {
  try {
    return await work(await cloneOf(settings, call));
  } catch (error) {
    if (!(error instanceof BrokenClone)) throw error;
    await rm(cloneFolder(settings.folder), { recursive: true, force: true, maxRetries: 5 });
    return secondTry(settings, call, work);
  }
}

type Settings = Omit<RemoteSettings, 'withLock'>;

async function secondTry<T>(settings: Settings, call: GitCall, work: (clone: GitClone) => Promise<T>): Promise<T> {
  try {
    return await work(await cloneOf(settings, call));
  } catch (error) {
    if (!(error instanceof BrokenClone)) throw error;
    throw new HoldfastError(
      FailureType.Unavailable,
      `Git remote ${settings.name}: the clone on this machine cannot be used: ${error.message}`,
      {
        advice: `see whether there is room in ${settings.folder}`,
        cause: error,
      },
    );
  }
}

async function cloneOf(settings: Settings, { signal, beat }: GitCall): Promise<GitClone> {
  const { access: reached, folder, author, patience } = settings;
  const [clone, home] = [cloneFolder(folder), join(folder, 'home')];
  await mkdir(home, { recursive: true, mode: 0o700 });
  const git: GitProgram = {
    folder: clone,
    settings: [...gitSettings(reached, patience.silenceMs), `--git-dir=${clone}`],
    environment: gitEnvironment(reached, home),
    signal,
  };
  const where = `Git remote ${settings.name} (${withoutUserinfo(reached.url)})`;
  const secrets = secretsOf(reached);
  if (!(await isThere(join(clone, 'HEAD')))) {
    await rm(clone, { recursive: true, force: true, maxRetries: 5 });
    await mkdir(clone, { recursive: true, mode: 0o700 });
    const made = await runGit(git, ['init', '--quiet', '--bare', '--template=']);
    if (made.code !== 0) throw gitFailure({ where, secrets, stderr: made.stderr });
  }
  return new BareClone({ git, address: addressOf(reached), where, secrets, author, patience, beat });
}

function cloneFolder(folder: string): string {
  return join(folder, 'clone.git');
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
