import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import type { WalkedCommit } from '../../git/port.ts';
import type { RunningGit } from '../../git/run-git.ts';
import { walkCommits } from '../../git/walk-commits.ts';

const PRINTED =
  '\0Holdfast-Cluster: prod\nHoldfast-Takes-Over: \u00fcber: x\n\0\n\nshop/configmaps/a.yaml\n"sh\\303\\266p"\n' +
  '\0\0\n\nREADME.md\n\0Holdfast-Cluster: old\n\0';
const COMMITS: readonly WalkedCommit[] = [
  {
    trailers: [
      ['Holdfast-Cluster', 'prod'],
      ['Holdfast-Takes-Over', '\u00fcber: x'],
    ],
    paths: ['shop/configmaps/a.yaml', '"sh\\303\\266p"'],
  },
  { trailers: [], paths: ['README.md'] },
  { trailers: [['Holdfast-Cluster', 'old']], paths: [] },
];

/** A git that prints this, so many bytes at a time. */
function printing(text: string, size: number, code = 0): { readonly git: RunningGit; readonly stopped: () => boolean } {
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
  let stopped = false;
  const child = {
    stdin: new PassThrough(),
    stdout: Readable.from(pieces, { objectMode: false }),
  } as unknown as ChildProcessWithoutNullStreams;
  return { git: { child, ended: Promise.resolve({ code, stderr: 'fatal: x' }), stop: () => (stopped = true) }, stopped: () => stopped };
}

const failure = (stderr: string) => new Error(stderr);

describe('a walk over commits', () => {
  it.each([1, 2, 7, 1_000])('tells their trailers and files, however the text is cut: %i bytes at a time', async (size) => {
    const found: WalkedCommit[] = [];
    for await (const commit of walkCommits(printing(PRINTED, size).git, failure)) found.push(commit);
    expect(found).toEqual(COMMITS);
  });

  it('ends git when no more commits are asked for', async () => {
    const { git, stopped } = printing(PRINTED, 1_000);
    for await (const commit of walkCommits(git, failure)) {
      expect(commit).toEqual(COMMITS[0]);
      break;
    }
    expect(stopped()).toBe(true);
  });

  it('fails when git fails, and tells of no commit when there is none', async () => {
    const walk = async (code: number) => {
      for await (const commit of walkCommits(printing('', 1, code).git, failure)) throw new Error(`there is ${JSON.stringify(commit)}`);
    };
    await expect(walk(128)).rejects.toThrow('fatal: x');
    await walk(0);
  });
});
