import { readdirSync, readFileSync } from 'node:fs';

interface ResticProcess {
  readonly pid: number;
  /** Program and arguments, NUL between them. */
  readonly line: string;
}

/** The restics of this machine, those in pods too, whose environment has the mark: a password or a repository's address that is of one test only. */
export function resticProcesses(mark: string): readonly ResticProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark)) return [];
        return [{ pid: Number(pid), line: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    })
    .filter(({ line }) => /^([^\0]*\/)?restic\0/.test(line));
}
