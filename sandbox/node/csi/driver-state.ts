import { join } from 'node:path';
import type { PodFreezer } from './pod-freezer.ts';
import { Publications } from './publications.ts';
import { RecordStore } from './record-store.ts';

/** A volume: a folder, or for block devices a file that is one. */
export interface VolumeRecord {
  readonly id: string;
  readonly capacityBytes: number;
  readonly isBlock: boolean;
  /** The snapshot or volume that it was made from; '' for an empty one. */
  readonly from: string;
}

export interface SnapshotRecord {
  readonly id: string;
  readonly volume: string;
  readonly sizeBytes: number;
  readonly isBlock: boolean;
  /** Milliseconds since 1970. */
  readonly cutAt: number;
  /** Id of the group that it was cut with; '' for one alone. */
  readonly group: string;
}

export interface GroupRecord {
  readonly id: string;
  readonly snapshots: readonly string[];
  readonly cutAt: number;
}

/** Everything that the driver knows, below one folder. */
export class DriverState {
  readonly volumes: RecordStore<VolumeRecord>;
  readonly snapshots: RecordStore<SnapshotRecord>;
  readonly groups: RecordStore<GroupRecord>;
  readonly publications: Publications;
  readonly freezer: PodFreezer;
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string, freezer: PodFreezer) {
    this.volumes = new RecordStore(join(folder, 'volumes'), 'vol');
    this.snapshots = new RecordStore(join(folder, 'snapshots'), 'snap');
    this.groups = new RecordStore(join(folder, 'groups'), 'group');
    this.publications = new Publications(join(folder, 'published'));
    this.freezer = freezer;
  }

  /** One request after the other: none sees half of another, and no pod gets a volume while it is being copied. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
