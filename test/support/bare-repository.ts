import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SETTINGS = {
  ...{ GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' },
  ...{
    GIT_AUTHOR_NAME: 'Somebody',
    GIT_AUTHOR_EMAIL: 's@example.com',
    GIT_COMMITTER_NAME: 'Somebody',
    GIT_COMMITTER_EMAIL: 's@example.com',
  },
};

/** A bare repository on this disk, looked at with git alone: it shares no code with the product. */
export class BareRepository {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<BareRepository> {
    const repository = new BareRepository(await mkdtemp(join(tmpdir(), 'holdfast-test-git-')));
    await repository.git('init', '--quiet', '--bare', '--initial-branch=main');
    await repository.git('config', 'http.receivepack', 'true');
    return repository;
  }

  async git(...words: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('git', words, {
      cwd: this.folder,
      env: { PATH: process.env['PATH'], ...SETTINGS },
      maxBuffer: 1 << 28,
    });
    return stdout.trimEnd();
  }

  /** Paths of all files of a branch. */
  async files(branch: string): Promise<readonly string[]> {
    return (await this.git('ls-tree', '-r', '--name-only', branch)).split('\n').filter((path) => path !== '');
  }

  async read(branch: string, path: string): Promise<string> {
    return `${await this.git('show', `${branch}:${path}`)}\n`;
  }

  async message(commit: string): Promise<string> {
    return this.git('log', '-1', '--format=%B', commit);
  }

  async commits(branch: string): Promise<readonly string[]> {
    return (await this.git('log', '--format=%H', branch)).split('\n');
  }

  /** Everything that was ever pushed, as one text. */
  async everything(): Promise<string> {
    return this.git('log', '--all', '-p', '--format=fuller', '--text');
  }

  /** A commit of somebody else's on top of the branch; content undefined deletes. */
  async commitFile(branch: string, path: string, content: string | undefined): Promise<void> {
    const blob = content === undefined ? '' : await this.#blob(content);
    const index = join(this.folder, `index-${Math.random()}`);
    const env = { PATH: process.env['PATH'], ...SETTINGS, GIT_INDEX_FILE: index };
    const run = async (...words: readonly string[]) => (await promisify(execFile)('git', words, { cwd: this.folder, env })).stdout.trim();
    const parent = await this.git('rev-parse', '--verify', '--quiet', `refs/heads/${branch}`).catch(() => '');
    if (parent !== '') await run('read-tree', parent);
    await (content === undefined
      ? run('rm', '--cached', '--quiet', path)
      : run('update-index', '--add', '--cacheinfo', `100644,${blob},${path}`));
    const commit = await run('commit-tree', await run('write-tree'), ...(parent === '' ? [] : ['-p', parent]), '-m', 'by hand');
    await run('update-ref', `refs/heads/${branch}`, commit, parent);
    await rm(index, { force: true });
  }

  /** A script that runs before pushes are taken: its words and its exit code are the server's answer. */
  async hook(name: 'pre-receive' | 'update', script: string): Promise<void> {
    await writeFile(join(this.folder, 'hooks', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  async unhook(name: 'pre-receive' | 'update'): Promise<void> {
    await rm(join(this.folder, 'hooks', name), { force: true });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #blob(content: string): Promise<string> {
    const file = join(this.folder, `content-${Math.random()}`);
    await writeFile(file, content);
    const id = await this.git('hash-object', '-w', '--', file);
    await rm(file);
    return id;
  }
}
