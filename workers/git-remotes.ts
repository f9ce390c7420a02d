import { join } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { GitRemote } from '../git/port.ts';
import { withLock } from '../sandbox/folder-lock.ts';
import { stateFolder } from '../sandbox/state-folder.ts';
import type { Configuration } from './configuration.ts';
import type { GitRemoteSettings } from './git-settings.ts';
import { readSecret } from './secret-sources.ts';

/** A first clone of a large repository takes minutes. */
const LONGEST_CALL_MS = 3_600_000;

/** The settings of a remote; `NotFound` with the known names when there is none of that name. */
export function findGitRemote({ gitRemotes = [] }: Pick<Configuration, 'gitRemotes'>, name: string): GitRemoteSettings {
  const found = gitRemotes.find((remote) => remote.name === name);
  if (found) return found;
  const known = gitRemotes.map((remote) => remote.name);
  throw new HoldfastError(FailureType.NotFound, `Git remote "${name}" is not configured`, {
    advice: known.length === 0 ? 'add it under gitRemotes in the configuration file: see docs/git.md' : `known: ${known.join(', ')}`,
  });
}

/** A remote as its settings say, with its secrets read: they are asked for again each time, since tokens are renewed. */
export async function openGitRemote(settings: GitRemoteSettings): Promise<GitRemote> {
  const { name, url, token, username, sshKeyFile, knownHostsFile, caFile, branch = '', author, ignoreKinds, rules } = settings;
  const { secrets, helmValues = secrets, silenceSeconds } = settings;
  const { gitRemote } = await import('../git/git-remote.ts');
  const { protocolOf } = await import('../git/remote-access.ts');
  protocolOf(url);
  const folder = join(stateFolder(), 'git', name);
  const sealer = await sealerOf(settings, folder);
  return gitRemote({
    name,
    access: {
      url,
      ...(token === undefined ? {} : { token: (await readSecret(token, `token of Git remote ${name}`)).trim() }),
      ...(username === undefined ? {} : { username }),
      ...(sshKeyFile === undefined ? {} : { sshKeyFile }),
      ...(knownHostsFile === undefined ? {} : { knownHostsFile }),
      ...(caFile === undefined ? {} : { caFile }),
    },
    branch,
    author,
    rules: { ignoreKinds, rules },
    ...{ secrets, helmValues },
    ...(sealer ? { sealer } : {}),
    folder,
    patience: { silenceMs: silenceSeconds * 1_000, callMs: LONGEST_CALL_MS },
    withLock,
  });
}

async function sealerOf({ name, secrets, helmValues, recipients, identity }: GitRemoteSettings, folder: string) {
  if (secrets !== 'encrypt' && helmValues !== 'encrypt') return undefined;
  const { openSecretSealer } = await import('../git/secret-sealer.ts');
  const text = identity === undefined ? '' : await readSecret(identity, `identity of Git remote ${name}`);
  const identities = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return openSecretSealer({ recipients, identities, remote: name, folder: join(folder, 'secrets') });
}
