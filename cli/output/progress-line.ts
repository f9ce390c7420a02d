import type { OnProgress } from '../../repository/check/report.ts';
import { bytes, count } from './quantities.ts';
import type { StatusLine } from './status-line.ts';

/** Shows the progress of a long reading on stderr. */
export function progressLine(status: StatusLine): OnProgress {
  return (progress) => {
    const of = progress.total > 0 ? `${count(progress.done)} of ${count(progress.total)}` : progress.done > 0 ? count(progress.done) : '';
    status.show(progress.step, progress.bytes > 0 ? `${of}, ${bytes(progress.bytes)}` : of);
  };
}
