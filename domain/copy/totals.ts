import { COPY_STAGES, type CopyCursor, type CopyTotals } from '../../contracts/copy.ts';

export const NOTHING_COPIED: CopyTotals = { copied: 0, bytes: 0, serverSide: 0, known: 0, failed: 0 };

export const FIRST_CURSOR: CopyCursor = { stage: COPY_STAGES[0], after: '' };

export function addCopyTotals(left: CopyTotals, right: CopyTotals): CopyTotals {
  return {
    copied: left.copied + right.copied,
    bytes: left.bytes + right.bytes,
    serverSide: left.serverSide + right.serverSide,
    known: left.known + right.known,
    failed: left.failed + right.failed,
  };
}

/** The beginning of the stage after that one; undefined after the last. */
export function nextStage({ stage }: CopyCursor): CopyCursor | undefined {
  const next = COPY_STAGES[COPY_STAGES.indexOf(stage) + 1];
  return next && { stage: next, after: '' };
}
