import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { runGit, type GitEnded, type GitProgram } from './run-git.ts';

/** How long a server is waited for, in milliseconds. */
export interface Patience {
  /** Nothing moves: no answer, no progress of a transfer, no word of a hook. */
  readonly silenceMs: number;
  /** A call as a whole, however much it still moves: a server that trickles is as good as none. */
  readonly callMs: number;
}

export interface Reaching {
  readonly patience: Patience;
  /** The remote, for people. */
  readonly where: string;
  /** Called every ten seconds: a server may be silent for longer than a worker. */
  readonly beat: () => void;
}

/** How often those live who wait for somebody that comes to an end in any case. */
export const BEAT_MS = 10_000;

/**
 * Runs a git command that talks to the server and tells of its progress (`--progress`). When the server goes silent, git is ended with all that it has
 * started: `Unavailable`. What a push had done by then is not known; whoever looks next finds it done or not done.
 */
export async function reachServer(program: GitProgram, words: readonly string[], { patience, where, beat }: Reaching): Promise<GitEnded> {
  const { silenceMs, callMs } = patience;
  const lost = new AbortController();
  const giveUp = (message: string): void => {
    lost.abort(
      new HoldfastError(FailureType.Unavailable, `${where}: ${message}`, {
        advice: 'see whether the server is well; the next sync tries again',
      }),
    );
  };
  const silent = setTimeout(giveUp, silenceMs, `the server has been silent for ${silenceMs / 1_000} s`);
  const late = setTimeout(giveUp, callMs, `the server has not come to an end in ${callMs / 1_000} s`);
  const waiting = setInterval(beat, BEAT_MS);
  const moved = (): void => {
    silent.refresh();
  };
  try {
    return await runGit({ ...program, signal: AbortSignal.any([program.signal, lost.signal]) }, words, { moved });
  } finally {
    clearInterval(waiting);
    clearTimeout(silent);
    clearTimeout(late);
  }
}
