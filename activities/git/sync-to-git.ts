import type { GitSyncOutcome } from '../../contracts/git.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { branchOf } from '../../domain/git/branch-name.ts';
import { commitMessage, countFates } from '../../domain/git/commit-message.ts';
import { namedChanges, type Comparison } from '../../domain/git/named-changes.ts';
import { isSelected, orphans, type Orphan } from '../../domain/git/owned-files.ts';
import { orphanedReleaseFiles } from '../../domain/git/release-files.ts';
import type { BlobStore, GitClone, GitRemote } from '../../git/port.ts';
import type { Charts } from '../../helm/port.ts';
import type { Pulse } from '../heartbeat.ts';
import { claimFiles } from './claim-files.ts';
import type { GitState } from './git-source.ts';
import { manifestOf } from './manifest-file.ts';
import { ReleaseRecords } from './release-records.ts';
import { renderedFiles, type RenderedFile } from './rendered-files.ts';

/** Each time somebody else was first, it begins again with what he has left and what is live by then. */
const ATTEMPTS = 8;
const NOTHING_DELETED = { code: 'NothingDeleted', message: 'not everything could be read, so nothing was deleted from Git' };

export interface SyncWork {
  readonly remote: GitRemote;
  /** The cluster's name. */
  readonly cluster: string;
  /** Whether files that another cluster's sync has written are this one's from now on. */
  readonly takeOver: boolean;
  /** Reads the source anew. */
  readonly state: () => Promise<GitState>;
  /** What reads Helm's records. */
  readonly charts: () => Promise<Charts>;
  readonly pulse: Pick<Pulse, 'beat' | 'signal'>;
}

/** Brings the branch to the state of the source, as one commit. What others put into it meanwhile stays. */
export async function syncToGit(work: SyncWork): Promise<GitSyncOutcome> {
  const { remote, cluster, pulse } = work;
  const branch = remote.branch === '' ? branchOf(cluster) : remote.branch;
  return remote.open({ signal: pulse.signal, beat: pulse.beat }, async (clone) => {
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
async function syncOnce(work: SyncWork, clone: GitClone, branch: string): Promise<GitSyncOutcome | undefined> {
  const { remote, cluster, state: read, charts, pulse } = work;
  const parent = await clone.fetch(branch);
  pulse.beat();
  const head = parent === '' ? new Map<string, string>() : await clone.files(parent);
  const state = await read();
  const releases = new ReleaseRecords(remote, charts);
  const wanted = await storeFiles({ remote, clone, head, pulse }, renderedFiles(state, remote, releases));
  const gone = state.errors.length > 0 ? [] : await deletedFiles(clone, { head, wanted }, { state, remote, releases });
  const changes = changesOf({ head, wanted }, gone);
  const touched = [...changes.keys(), ...(work.takeOver ? wanted.keys() : [])].filter((path) => head.has(path));
  const takesOver = await claimFiles(clone, { remote, branch, head: parent, cluster, paths: touched, takeOver: work.takeOver });
  const named = namedChanges(changes.keys(), { head, wanted }, state.types);
  const outcome = {
    remote: remote.name,
    branch,
    ...countFates(named),
    files: wanted.size,
    warnings: [...state.warnings, ...releases.warnings, ...(state.errors.length > 0 ? [NOTHING_DELETED] : [])] satisfies readonly Issue[],
    errors: state.errors,
  };
  // Before the push: whoever is killed after it must find the Secrets unchanged.
  await remote.sealer?.save(new Set([...head.values(), ...wanted.values()]));
  if (changes.size === 0 && takesOver.length === 0) return { ...outcome, commit: '' };
  const { revision, backup } = state;
  const message = commitMessage({ cluster, revision, backup, changes: named, takesOver });
  const commit = await clone.commit({ parent, changes, message });
  pulse.beat();
  return (await clone.push(commit, branch)) ? { ...outcome, commit } : undefined;
}

interface Storing {
  readonly remote: GitRemote;
  readonly clone: GitClone;
  readonly head: ReadonlyMap<string, string>;
  readonly pulse: Pick<Pulse, 'beat'>;
}

/** Path to blob of every file that should be there. What the branch does not have yet is in the clone afterwards. */
async function storeFiles(
  { remote, clone, head, pulse }: Storing,
  files: AsyncIterable<RenderedFile>,
): Promise<ReadonlyMap<string, string>> {
  const store = clone.store();
  const wanted = new Map<string, string>();
  try {
    for await (const file of files) {
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
  if (!file.sealed) return put(store, Buffer.from(file.text), current);
  const { sealer } = remote;
  if (!sealer) throw new Error(`nothing encrypts ${file.path}`);
  if (current !== '' && (await holds(clone, sealer, { blob: current, text: file.text }))) return current;
  const blob = await put(store, await sealer.seal(file.text), current);
  sealer.remember(blob, file.text);
  return blob;
}

async function put(store: BlobStore, content: Buffer, current: string): Promise<string> {
  const blob = store.idOf(content);
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

/** What tells whose a file is. */
interface Judging {
  readonly state: GitState;
  readonly remote: GitRemote;
}

/** Files of objects that are gone, and of those that the rules leave out by now. */
async function deletedFiles(
  clone: GitClone,
  { head, wanted }: Comparison,
  { state, remote, releases }: Judging & { readonly releases: ReleaseRecords },
): Promise<readonly string[]> {
  const kept = new Set(wanted.keys());
  const found = orphans(head.keys(), kept, state);
  const ofReleases = orphanedReleaseFiles(head.keys(), kept, state.selections).filter((path) => !releases.keeps(path));
  const plain = found.filter(({ needsLook }) => !needsLook);
  const doubtful = found.filter(({ needsLook }) => needsLook);
  const selected: string[] = [];
  let next = 0;
  for await (const content of clone.read(doubtful.map(({ path }) => head.get(path) ?? ''))) {
    const orphan = doubtful[next];
    next += 1;
    if (orphan && (await isOf(orphan, content, { state, remote }))) selected.push(orphan.path);
  }
  return [...plain.map(({ path }) => path), ...selected, ...ofReleases];
}

async function isOf({ file, type }: Orphan, content: Buffer, { state, remote }: Judging): Promise<boolean> {
  const read = await manifestOf({ file, content }, remote.sealer);
  return 'object' in read && isSelected(read.object, type, state);
}

function changesOf({ head, wanted }: Comparison, gone: readonly string[]): ReadonlyMap<string, string | undefined> {
  const changes = new Map<string, string | undefined>(gone.map((path) => [path, undefined]));
  for (const [path, blob] of wanted) if (head.get(path) !== blob) changes.set(path, blob);
  return changes;
}
