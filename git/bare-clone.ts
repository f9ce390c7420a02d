import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { ImportedBlobs } from './blob-store.ts';
import { gitFailure } from './git-failure.ts';
import type { BlobStore, CommitRequest, GitClone, TouchingCommit, WalkedCommit } from './port.ts';
import { reachServer, type Reaching } from './reach-server.ts';
import { readBlobs } from './read-blobs.ts';
import { runGit, startGit, type GitEnded, type GitProgram } from './run-git.ts';
import { WALK, walkCommits } from './walk-commits.ts';

/** Holds a commit until it is pushed. */
const NEW = 'refs/holdfast/new';
const FAST_IMPORT = ['fast-import', '--quiet', '--done', '--force', '--date-format=raw'];
const FETCH = ['fetch', '--progress', '--no-tags', '--no-auto-maintenance'];
const RECORD = '\x1e';
const FIELD = '\x1f';

export interface CloneParts extends Reaching {
  readonly git: GitProgram;
  /** What git is given as the address. */
  readonly address: string;
  readonly secrets: readonly string[];
  /** `Name <address>`. */
  readonly author: string;
}

/** A bare clone, worked on by git's plumbing. */
export class BareClone implements GitClone {
  readonly #parts: CloneParts;

  constructor(parts: CloneParts) {
    this.#parts = parts;
  }

  async fetch(branch: string): Promise<string> {
    const ref = `refs/heads/${branch}`;
    const fetched = await this.#reach([...FETCH, '--', this.#parts.address, `+${ref}:${ref}`]);
    if (fetched.code === 0) {
      await this.#tidy();
      return this.resolve(ref, branch);
    }
    if (!/couldn't find remote ref/i.test(fetched.stderr)) throw this.#failure(fetched.stderr);
    await this.#run(['update-ref', '-d', ref]);
    return '';
  }

  async fetchAll(): Promise<void> {
    const fetched = await this.#reach([...FETCH, '--prune', '--', this.#parts.address, '+refs/heads/*:refs/heads/*']);
    if (fetched.code !== 0) throw this.#failure(fetched.stderr);
    await this.#tidy();
  }

  async resolve(commit: string, branch: string): Promise<string> {
    const meant = commit.replace(/^HEAD(?=$|[~^])/, `refs/heads/${branch}`);
    const found = await this.#try(['rev-parse', '--verify', '--quiet', '--end-of-options', `${meant}^{commit}`]);
    if (found.code === 0) return found.stdout.toString('utf8').trim();
    throw new HoldfastError(FailureType.NotFound, `${this.#parts.where}: there is no commit "${commit}"`, {
      advice: 'see `holdfast git log`',
    });
  }

  async files(commit: string): Promise<ReadonlyMap<string, string>> {
    const listed = await this.#run(['ls-tree', '-r', '-z', '--full-tree', commit]);
    const files = new Map<string, string>();
    for (const entry of listed.stdout.toString('utf8').split('\0')) {
      const [, id = '', path = ''] = /^100(?:644|755) blob ([0-9a-f]{40})\t([^]+)$/.exec(entry) ?? [];
      if (path !== '') files.set(path, id);
    }
    return files;
  }

  read(blobs: readonly string[]): AsyncIterable<Buffer> {
    return readBlobs(startGit(this.#parts.git, ['cat-file', '--batch']), blobs);
  }

  store(): BlobStore {
    return new ImportedBlobs(
      () => startGit(this.#parts.git, FAST_IMPORT),
      (stderr) => this.#failure(stderr),
    );
  }

  async commit({ parent, changes, message }: CommitRequest): Promise<string> {
    await this.#run(['update-ref', '-d', NEW]);
    const { author } = this.#parts;
    const now = `${Math.floor(Date.now() / 1_000)} +0000`;
    const lines = [
      `commit ${NEW}`,
      `author ${author} ${now}`,
      `committer ${author} ${now}`,
      `data ${Buffer.byteLength(message)}`,
      message,
      ...(parent === '' ? [] : [`from ${parent}`]),
      // Deletions first: what was a file may be a folder now.
      ...[...changes].filter(([, blob]) => blob === undefined).map(([path]) => `D ${path}`),
      ...[...changes].filter(([, blob]) => blob !== undefined).map(([path, blob]) => `M 100644 ${blob ?? ''} ${path}`),
      '',
      'done',
      '',
    ];
    await this.#run(FAST_IMPORT, lines.join('\n'));
    return this.resolve(NEW, '');
  }

  async push(commit: string, branch: string): Promise<boolean> {
    const pushed = await this.#reach(['push', '--porcelain', '--progress', '--', this.#parts.address, `${commit}:refs/heads/${branch}`]);
    if (pushed.code === 0) return true;
    const answer = pushed.stdout.toString('utf8');
    // Somebody was first: before we fetched, or while the server was taking our commit.
    if (
      /^!.*\[rejected\]|^!.*\((failed to update ref|cannot lock ref.*|incorrect old value provided|reference already exists)\)/m.test(
        answer,
      )
    )
      return false;
    throw this.#failure(
      `${pushed.stderr}\n${answer
        .split('\n')
        .filter((line) => line.startsWith('!'))
        .join('\n')}`,
    );
  }

  async history(commit: string, paths: readonly string[]): Promise<readonly TouchingCommit[]> {
    const format = `--format=${RECORD}%H${FIELD}%ct${FIELD}%an${FIELD}%s`;
    const logged = await this.#run(['log', '--raw', '--no-abbrev', '--no-renames', '-m', '--first-parent', format, commit, '--', ...paths]);
    return logged.stdout
      .toString('utf8')
      .split(RECORD)
      .slice(1)
      .map((record): TouchingCommit => {
        const [head = '', ...changes] = record.split('\n');
        const [id = '', seconds = '', author = '', subject = ''] = head.split(FIELD);
        return { id, at: new Date(Number(seconds) * 1_000).toISOString(), author, subject, files: changes.flatMap(changedFile) };
      });
  }

  walk(commit: string): AsyncIterable<WalkedCommit> {
    return walkCommits(startGit(this.#parts.git, [...WALK, commit, '--']), (stderr) => this.#failure(stderr));
  }

  async trailer(commit: string, name: string): Promise<string> {
    const shown = await this.#run(['log', '-1', `--format=%(trailers:key=${name},valueonly)`, commit]);
    return shown.stdout.toString('utf8').trim();
  }

  /** A clone that many packs have come into is packed anew, after the fetch: that is no silence of the server. */
  async #tidy(): Promise<void> {
    await this.#run(['gc', '--auto', '--quiet']);
  }

  #reach(words: readonly string[]): Promise<GitEnded> {
    return reachServer(this.#parts.git, words, this.#parts);
  }

  #try(words: readonly string[], input = ''): Promise<GitEnded> {
    return runGit(this.#parts.git, words, { input });
  }

  async #run(words: readonly string[], input = ''): Promise<GitEnded> {
    const ended = await this.#try(words, input);
    if (ended.code !== 0) throw this.#failure(ended.stderr);
    return ended;
  }

  #failure(stderr: string): Error {
    const { where, secrets } = this.#parts;
    return gitFailure({ where, secrets, stderr });
  }
}

/** `:100644 100644 OLD NEW M<tab>path` */
function changedFile(line: string): TouchingCommit['files'] {
  const [, before = '', after = '', path = ''] = /^:\d+ \d+ ([0-9a-f]{40}) ([0-9a-f]{40}) \w+\t(.+)$/.exec(line) ?? [];
  const none = (id: string): string => (/^0+$/.test(id) ? '' : id);
  return path === '' ? [] : [{ path, before: none(before), after: none(after) }];
}
