/**
 * Decides where one segment of captured objects ends and the next begins: after an object whose name hashes to a boundary, once the segment
 * is worth storing. The cut depends on names only, not on positions: an object that is added, changed or removed alters its own segment
 * and leaves its neighbours' ids, so a backup stores little more than what changed.
 */
export const SEGMENT_BYTES = { min: 8 * 1024, max: 256 * 1024 } as const;
/** One name in this many is a boundary. */
const BOUNDARY_EVERY = 16;

export function endsSegment(name: string, bytesSoFar: number): boolean {
  if (bytesSoFar >= SEGMENT_BYTES.max) return true;
  return bytesSoFar >= SEGMENT_BYTES.min && fnv1a(name) % BOUNDARY_EVERY === 0;
}

/** 32-bit FNV-1a over UTF-16 code units: cheap, stable for ever, and no secret depends on it. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
