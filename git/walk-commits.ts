import type { WalkedCommit } from './port.ts';
import type { RunningGit } from './run-git.ts';

/** Each commit: a NUL, its trailers, a NUL, the names of its files. */
export const WALK = ['log', '--first-parent', '-m', '--no-renames', '--name-only', '--format=%x00%(trailers:only,unfold)%x00'];

/** The commits that a running `git log` tells. It is ended when no more are asked for. */
export async function* walkCommits({ child, ended, stop }: RunningGit, failure: (stderr: string) => Error): AsyncGenerator<WalkedCommit> {
  child.stdin.end();
  try {
    let trailers: string | undefined;
    for await (const text of textsOf(child.stdout)) {
      if (trailers === undefined) {
        trailers = text;
        continue;
      }
      yield { trailers: linesOf(trailers).flatMap(trailerOf), paths: linesOf(text) };
      trailers = undefined;
    }
    const { code, stderr } = await ended;
    if (code !== 0) throw failure(stderr);
  } finally {
    stop();
  }
}

/** What is between the NULs of a stream, which begins with one. */
async function* textsOf(stream: NodeJS.ReadableStream): AsyncGenerator<string> {
  stream.setEncoding('utf8');
  let [held, begun] = ['', false];
  for await (const chunk of stream) {
    const texts = `${held}${chunk as string}`.split('\0');
    held = texts.pop() ?? '';
    yield* begun ? texts : texts.slice(1);
    begun ||= texts.length > 0;
  }
  if (begun) yield held;
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}

function trailerOf(line: string): readonly (readonly [string, string])[] {
  const [, name, value] = /^([^:\s]+): (.*)$/.exec(line) ?? [];
  return name === undefined || value === undefined ? [] : [[name, value]];
}
