import type { BackupSizes } from '../../contracts/manifest.ts';

export const NO_BYTES: BackupSizes = { read: 0, stored: 0, newSegments: 0, knownSegments: 0 };

export function addSizes(a: BackupSizes, b: BackupSizes): BackupSizes {
  return {
    read: a.read + b.read,
    stored: a.stored + b.stored,
    newSegments: a.newSegments + b.newSegments,
    knownSegments: a.knownSegments + b.knownSegments,
  };
}
