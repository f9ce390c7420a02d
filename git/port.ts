import type { ManifestRules } from '../domain/git/field-rules.ts';

/**
 * The port to one Git remote. Every method rejects with `HoldfastError`: `Forbidden` (credentials, unknown host key, a push that the server's
 * rules refuse, with the server's words), `NotFound` (no such repository, no such commit), `Unavailable` (cannot be reached, or has gone
 * silent), `BadInput`.
 */
export interface GitRemote {
  readonly name: string;
  /** '' for one branch a cluster, by its name. */
  readonly branch: string;
  readonly rules: ManifestRules;
  /** Secrets are left out, or encrypted, each into a file. */
  readonly secrets: 'omit' | 'encrypt';
  /** The same for the values of Helm releases, which may hold secrets; `plain` when the user says that they do not. */
  readonly helmValues: 'omit' | 'encrypt' | 'plain';
  /** There when anything is encrypted. */
  readonly sealer?: SecretSealer;
  /**
   * Runs work on a clone of the remote, alone on this machine. The clone is a cache: when it turns out to be broken it is made anew, and the work begins
   * again.
   */
  open<T>(call: GitCall, work: (clone: GitClone) => Promise<T>): Promise<T>;
}

export interface GitCall {
  readonly signal: AbortSignal;
  /** Called every ten seconds while others have the clone, or the server is waited for. */
  readonly beat: () => void;
}

/** A bare clone. It has no work tree, so there are no half-written files. */
export interface GitClone {
  /** Brings the branch here; its commit, or '' when the remote has no such branch. */
  fetch(branch: string): Promise<string>;
  /** Brings all branches here. */
  fetchAll(): Promise<void>;
  /** The full id of a commit, named as Git has it: an id or its beginning, a branch, `HEAD~2` with `branch` as HEAD. `NotFound`. */
  resolve(commit: string, branch: string): Promise<string>;
  /** Path to blob id of every file of a commit. */
  files(commit: string): Promise<ReadonlyMap<string, string>>;
  /** Contents of blobs, in the order asked. */
  read(blobs: readonly string[]): AsyncIterable<Buffer>;
  /** Begins to store contents; nothing refers to them yet. */
  store(): BlobStore;
  /** Makes a commit; its id. */
  commit(request: CommitRequest): Promise<string>;
  /** Puts a commit at the end of a branch. False when the branch has gone on meanwhile: nothing is ever forced. */
  push(commit: string, branch: string): Promise<boolean>;
  /** Commits up to `commit` that touched one of the paths, newest first. */
  history(commit: string, paths: readonly string[]): Promise<readonly TouchingCommit[]>;
  /** Commits from this one back, along first parents. Git ends when no more are asked for. */
  walk(commit: string): AsyncIterable<WalkedCommit>;
  /** What the message's trailer of that name says; '' when it has none. */
  trailer(commit: string, name: string): Promise<string>;
}

/** Exactly one of `finish` and `discard` ends it. */
export interface BlobStore {
  /** The id of a content, which the clone need not have. */
  idOf(content: Buffer): string;
  /** Waits when Git is slower. */
  add(content: Buffer): Promise<void>;
  /** All that was added is in the clone when this has resolved. */
  finish(): Promise<void>;
  discard(): void;
}

export interface CommitRequest {
  /** '' for the first one. */
  readonly parent: string;
  /** Path to blob id; undefined deletes. */
  readonly changes: ReadonlyMap<string, string | undefined>;
  readonly message: string;
}

export interface TouchingCommit {
  readonly id: string;
  /** ISO-8601, UTC. */
  readonly at: string;
  readonly author: string;
  readonly subject: string;
  /** Blob ids; '' where there was or is no file. */
  readonly files: readonly { readonly path: string; readonly before: string; readonly after: string }[];
}

export interface WalkedCommit {
  /** Of its message. */
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** What it created, changed or deleted against its first parent. Names with characters that the layout does not use are quoted as Git does it. */
  readonly paths: readonly string[];
}

/** Encrypts Secrets for the recipients of a remote, and tells whether one has changed: the same text never looks the same twice. */
export interface SecretSealer {
  /** Whether it has an identity. */
  readonly canOpen: boolean;
  seal(text: string): Promise<Buffer>;
  /** The text; undefined when it has no identity that opens the file, or the file is none. */
  open(sealed: Buffer): Promise<string | undefined>;
  /** Is it known that this blob holds that text, for the recipients as they are now? */
  knows(blob: string, text: string): boolean;
  remember(blob: string, text: string): void;
  /** Keeps what was remembered of these blobs. */
  save(blobs: ReadonlySet<string>): Promise<void>;
}
