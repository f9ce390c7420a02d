import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ActivityDependencies } from '../activities/dependencies.ts';
import type { HistoryRequest } from '../activities/git/object-history.ts';
import type { CommitImported, ImportCommitInput, ObjectHistory } from '../contracts/git.ts';
import type { PlannedObject, RestoreOptions } from '../contracts/restore.ts';
import { loadConfiguration, type Configuration } from './configuration.ts';
import { findGitRemote, openGitRemote } from './git-remotes.ts';

/** What is asked of Git remotes. */
export interface GitServices extends Pick<ActivityDependencies, 'gitRemote'> {
  /** The commits that touched one object. */
  gitHistory(remote: string, request: HistoryRequest): Promise<ObjectHistory>;
  /** What a restore of a commit would do. Writes nothing, to the location neither. */
  previewCommit(input: ImportCommitInput, options: RestoreOptions): Promise<CommitPreview>;
}

interface CommitPreview {
  readonly imported: CommitImported;
  readonly planned: readonly PlannedObject[];
}

interface Parts extends Pick<ActivityDependencies, 'cluster'> {
  readonly configuration: Configuration;
}

/** Commands that only read are ended by ending the process. */
const NEVER = new AbortController().signal;

export function gitServices({ configuration, cluster }: Parts): GitServices {
  const gitRemote: GitServices['gitRemote'] = async (name) => openGitRemote(await settingsOf(configuration, name));
  return {
    gitRemote,
    gitHistory: async (name, request) => {
      const { objectHistory } = await import('../activities/git/object-history.ts');
      return objectHistory(await gitRemote(name), request, NEVER);
    },
    previewCommit: async (input, options) => {
      const { importCommit } = await import('../activities/git/import-commit.ts');
      const { openNamed } = await import('../activities/apply/prepare-restore.ts');
      const { previewRestore } = await import('../activities/preview/preview-restore.ts');
      const { openRepository } = await import('../repository/repository.ts');
      const { initRepository } = await import('../repository/init.ts');
      const { FilesystemStore } = await import('../storage/filesystem.ts');
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-commit-'));
      try {
        // A location for this plan alone, with a key that nobody else has and that goes with it.
        const store = new FilesystemStore(folder);
        await store.prepare();
        const { recoveryKey = '' } = await initRepository(store);
        const repository = await openRepository(store, { identities: [recoveryKey] });
        const work = {
          remote: await gitRemote(input.remote),
          repository,
          input,
          runId: '',
          pulse: { signal: NEVER, beat: () => undefined },
        };
        const imported = await importCommit(work);
        const restore = { name: 'plan', backup: imported.backup, cluster: input.cluster, location: input.location, options };
        const { session } = await openNamed({ cluster: await cluster(input.cluster), repository, restore }, NEVER);
        const planned: PlannedObject[] = [];
        for await (const line of previewRestore(session, NEVER)) planned.push(line);
        return { imported, planned };
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

/** A worker lives for months: a remote that was added since it has started is found in the file. */
async function settingsOf(configuration: Configuration, name: string): Promise<ReturnType<typeof findGitRemote>> {
  const isKnown = (configuration.gitRemotes ?? []).some((remote) => remote.name === name);
  return findGitRemote(isKnown ? configuration : await loadConfiguration(), name);
}
