import { spawn } from 'node:child_process';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** A member of a new cluster. */
export interface NewMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

export interface RestoreCommand {
  readonly snapshotFile: string;
  /** Must not exist. */
  readonly dataDir: string;
  /** Whose data directory it becomes. */
  readonly member: NewMember;
  /** All members, this one among them. */
  readonly members: readonly NewMember[];
  readonly token: string;
  /** Revisions to leave out; 0 keeps the snapshot's. */
  readonly bumpRevision: number;
}

export interface MadeMember {
  /** Hexadecimal: follows from the token and all peer URLs, so it is the same in every data directory of one cluster. */
  readonly clusterId: string;
  /** Peer URLs of each member that the data directory knows. */
  readonly known: readonly (readonly string[])[];
  /** Newest revision, decimal; '' when it is the snapshot's. */
  readonly newRevision: string;
}

export interface FileHash {
  readonly hash: string;
  readonly compactRevision: string;
}

/** How much of what it says is kept for a message. */
const KEPT_BYTES = 64 * 1024;

/** etcd's own tool for files, run without a shell and with nothing of our environment but PATH. */
export class Etcdutl {
  readonly #path: string;
  readonly #signal: AbortSignal;

  constructor(path: string, signal: AbortSignal) {
    this.#path = path;
    this.#signal = signal;
  }

  /** Makes the data directory of one member. etcdutl checks the snapshot against its own hash once more. */
  async restore({ snapshotFile, dataDir, member, members, token, bumpRevision }: RestoreCommand): Promise<MadeMember> {
    const all = members.flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name}=${url}`)).join(',');
    const said = await this.#run([
      ...['snapshot', 'restore', `--data-dir=${dataDir}`, `--name=${member.name}`, `--initial-cluster=${all}`],
      ...[`--initial-advertise-peer-urls=${member.peerUrls.join(',')}`, `--initial-cluster-token=${token}`],
      ...(bumpRevision > 0 ? [`--bump-revision=${bumpRevision}`, '--mark-compacted'] : []),
      ...['--', snapshotFile],
    ]);
    const added = logged(said.stderr, 'added member');
    return {
      clusterId: textOf(added[0]?.['cluster-id']),
      known: added.map((line) => urlsIn(line['added-peer-peer-urls'])),
      newRevision: textOf(logged(said.stderr, 'bumping latest revision')[0]?.['new-latest-revision']),
    };
  }

  /**
   * The hash of all keys up to a revision; undefined when this etcdutl cannot tell (before 3.6). Opens the file as etcd does and changes it: do not
   * rely on the file's own hash afterwards.
   */
  async hashOfKeys(file: string, revision: string): Promise<FileHash | undefined> {
    try {
      const { stdout } = await this.#run(['hashkv', `--rev=${revision}`, '--write-out=json', '--', file]);
      const { hash, compactRevision } = JSON.parse(stdout) as Readonly<Record<string, unknown>>;
      return { hash: String(hash), compactRevision: String(compactRevision) };
    } catch (error) {
      if (error instanceof HoldfastError && error.message.includes('unknown command')) return undefined;
      throw error;
    }
  }

  async #run(args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
    const child = spawn(this.#path, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] }, signal: this.#signal });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout = `${stdout}${text}`.slice(-KEPT_BYTES)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = `${stderr}${text}`.slice(-KEPT_BYTES)));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    }).catch((error: unknown) => {
      this.#signal.throwIfAborted();
      throw new HoldfastError(
        FailureType.NotFound,
        `${this.#path} cannot be started (${(error as NodeJS.ErrnoException).code ?? 'error'})`,
        {
          advice: 'name an etcdutl with --etcdutl',
          cause: error,
        },
      );
    });
    this.#signal.throwIfAborted();
    if (code === 0) return { stdout, stderr };
    const [reason = 'no reason given'] = /Error: (.*)/.exec(stderr)?.slice(1) ?? [];
    throw new HoldfastError(FailureType.Damaged, `etcdutl ${args[0] ?? ''}: ${reason}`, { advice: 'nothing was restored' });
  }
}

/** The fields of log lines with that message: `time level [logger] source message {json}`, separated by tabs. */
function logged(log: string, message: string): readonly Readonly<Record<string, unknown>>[] {
  return log.split('\n').flatMap((line) => {
    const [text, fields] = line.split('\t').slice(-2);
    return text === message && fields !== undefined ? [JSON.parse(fields) as Readonly<Record<string, unknown>>] : [];
  });
}

function urlsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
