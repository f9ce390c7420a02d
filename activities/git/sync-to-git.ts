import { FileFate, type GitSyncOutcome } from '../../contracts/git.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { branchOf } from '../../domain/git/branch-name.ts';
import { commitMessage, countFates, type NamedChange } from '../../domain/git/commit-message.ts';
import { objectFileOf, typeOf } from '../../domain/git/file-path.ts';
import { isSelected, orphans, type Orphan } from '../../domain/git/owned-files.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import type { BlobStore, GitClone, GitRemote } from '../../git/port.ts';
import type { Pulse } from '../heartbeat.ts';
import type { GitState } from './git-source.ts';
import { manifestOf } from './manifest-file.ts';
import { renderedFiles, type RenderedFile } from './rendered-files.ts';

/** Each time somebody else was first, it begins again with what he has left and what is live by then. */
const ATTEMPTS = 8;
const NOTHING_DELETED = { code: 'NothingDeleted', message: 'not everything could be read, so nothing was deleted from Git' };

export interface SyncWork {
  readonly remote: GitRemote;
  /** The cluster's name. */
  readonly cluster: string;
  /** Reads the source anew. */
  readonly state: () => Promise<GitState>;
  readonly pulse: Pick<Pulse, 'beat' | 'signal'>;
}

/** A branch as it is, and as it should be. */
interface Comparison {
  readonly head: ReadonlyMap<string, string>;
  readonly wanted: ReadonlyMap<string, string>;
}

/** Brings the branch to the state of the source, as one commit. What others put into it meanwhile stays. */
export async function syncToGit(work: SyncWork): Promise<GitSyncOutcome> {
  const { remote, cluster, pulse } = work;
  const branch = remote.branch === '' ? branchOf(cluster) : remote.branch;
  return remote.open({ signal: pulse.signal, onWait: pulse.beat }, async (clone) => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const done = await syncOnce(work, clone, branch);
      if (done) return done;
    }
    throw new HoldfastError(
      FailureType.Unavailable,
      `Git remote ${remote.name}: branch ${branch} changed ${ATTEMPTS} times while it was synced`,
      {
        advice: 'the next sync tries again',
      },
    );
  });
}

/** Undefined when somebody else's push came first. */
async function syncOnce(
  { remote, cluster, state: read, pulse }: SyncWork,
  clone: GitClone,
  branch: string,
): Promise<GitSyncOutcome | undefined> {
  const parent = await clone.fetch(branch);
  pulse.beat();
  const head = parent === '' ? new Map<string, string>() : await clone.files(parent);
  const state = await read();
  const wanted = await storeFiles({ remote, clone, head, state, pulse });
  const gone = state.errors.length > 0 ? [] : await deletedFiles(clone, { head, wanted }, { state, remote });
  const changes = changesOf({ head, wanted }, gone);
  const named = [...changes.keys()].map((path) => namedChange(path, { head, wanted }, state));
  const outcome = {
    remote: remote.name,
    branch,
    ...countFates(named),
    files: wanted.size,
    warnings: [...state.warnings, ...(state.errors.length > 0 ? [NOTHING_DELETED] : [])] satisfies readonly Issue[],
    errors: state.errors,
  };
  // Before the push: whoever is killed after it must find the Secrets unchanged.
  await remote.sealer?.save(new Set([...head.values(), ...wanted.values()]));
  if (changes.size === 0) return { ...outcome, commit: '' };
  const message = commitMessage({ cluster, revision: state.revision, backup: state.backup, changes: named });
  const commit = await clone.commit({ parent, changes, message });
  pulse.beat();
  return (await clone.push(commit, branch)) ? { ...outcome, commit } : undefined;
}

interface Storing {
  readonly remote: GitRemote;
  readonly clone: GitClone;
  readonly head: ReadonlyMap<string, string>;
  readonly state: GitState;
  readonly pulse: Pick<Pulse, 'beat'>;
}

/** Path to blob of every file that should be there. What the branch does not have yet is in the clone afterwards. */
async function storeFiles({ remote, clone, head, state, pulse }: Storing): Promise<ReadonlyMap<string, string>> {
  const store = clone.store();
  const wanted = new Map<string, string>();
  try {
    for await (const file of renderedFiles(state, remote.rules, remote.sealer !== undefined)) {
      wanted.set(file.path, await storedBlob(file, store, { remote, clone, head }));
      pulse.beat();
    }
    await store.finish();
  } finally {
    store.discard();
  }
  return wanted;
}

async function storedBlob(
  file: RenderedFile,
  store: BlobStore,
  { remote, clone, head }: Pick<Storing, 'remote' | 'clone' | 'head'>,
): Promise<string> {
  const current = head.get(file.path) ?? '';
  const { sealer } = remote;
  if (file.secret && sealer && current !== '' && (await holds(clone, sealer, { blob: current, text: file.text }))) return current;
  const content = file.secret && sealer ? await sealer.seal(file.text) : Buffer.from(file.text);
  const blob = store.idOf(content);
  if (file.secret) sealer?.remember(blob, file.text);
  if (blob !== current) await store.add(content);
  return blob;
}

/** Is the encrypted file that text already? When nobody remembers, and it cannot be opened, it is taken for another one. */
async function holds(
  clone: GitClone,
  sealer: NonNullable<GitRemote['sealer']>,
  known: { readonly blob: string; readonly text: string },
): Promise<boolean> {
  const { blob, text } = known;
  if (sealer.knows(blob, text)) return true;
  if (!sealer.canOpen) return false;
  for await (const sealed of clone.read([blob])) {
    if ((await sealer.open(sealed)) !== text) return false;
  }
  sealer.remember(blob, text);
  return true;
}

/** Files of objects that are gone, and of those that the rules leave out by now. */
async function deletedFiles(
  clone: GitClone,
  { head, wanted }: Comparison,
  { state, remote }: { readonly state: GitState; readonly remote: GitRemote },
): Promise<readonly string[]> {
  const found = orphans(head.keys(), new Set(wanted.keys()), state);
  const plain = found.filter(({ needsLook }) => !needsLook);
  const doubtful = found.filter(({ needsLook }) => needsLook);
  const selected: string[] = [];
  let next = 0;
  for await (const content of clone.read(doubtful.map(({ path }) => head.get(path) ?? ''))) {
    const orphan = doubtful[next];
    next += 1;
    if (orphan && (await isOf(orphan, content, { state, remote }))) selected.push(orphan.path);
  }
  return [...plain.map(({ path }) => path), ...selected];
}

async function isOf(
  { file, type }: Orphan,
  content: Buffer,
  { state, remote }: { readonly state: GitState; readonly remote: GitRemote },
): Promise<boolean> {
  const read = await manifestOf({ file, content }, remote.sealer);
  return 'object' in read && isSelected(read.object, type, state);
}

function changesOf({ head, wanted }: Comparison, gone: readonly string[]): ReadonlyMap<string, string | undefined> {
  const changes = new Map<string, string | undefined>(gone.map((path) => [path, undefined]));
  for (const [path, blob] of wanted) if (head.get(path) !== blob) changes.set(path, blob);
  return changes;
}

function namedChange(path: string, { head, wanted }: Comparison, { types }: GitState): NamedChange {
  const file = objectFileOf(path);
  const key = file ? resourceKey(typeOf(file)) : '';
  const kind = types.find((type) => resourceKey(type) === key)?.kind ?? key;
  const fate = !wanted.has(path) ? FileFate.Deleted : head.has(path) ? FileFate.Changed : FileFate.Created;
  return { fate, kind, namespace: file?.namespace ?? '', name: file?.name ?? path };
}
