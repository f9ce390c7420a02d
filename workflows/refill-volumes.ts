import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { BlockedClaim, RestorePreparation, RestoreVolumeInput, VolumeActivities } from '../contracts/activities.ts';
import type { RestoreProjectInput } from '../contracts/restore.ts';
import type { CapturedVolume, RestoredVolume, VolumesProgress } from '../contracts/volume.ts';
import { mapNamespace } from '../domain/plan/mapping.ts';
import * as policy from './activity-options.ts';
import { inParallel } from './in-parallel.ts';
import { whilePaused } from './pause-workloads.ts';
import { isIssue, orIssue, type RunLedger } from './run-ledger.ts';

const { offerSnapshot } = proxyActivities<VolumeActivities>(policy.decide);
const { restoreVolume } = proxyActivities<VolumeActivities>(policy.moveVolume);

/** The volumes of one restore, as far as they are filled. */
export class VolumeRefill {
  readonly #input: RestoreProjectInput;
  readonly #ledger: RunLedger;
  readonly #restored: RestoredVolume[] = [];
  readonly #offered = new Set<CapturedVolume>();
  readonly #done = new Set<CapturedVolume>();
  readonly #blocked: BlockedClaim[] = [];
  #total: number | undefined;

  constructor(input: RestoreProjectInput, ledger: RunLedger) {
    this.#input = input;
    this.#ledger = ledger;
  }

  get progress(): VolumesProgress | undefined {
    if (this.#total === undefined) return undefined;
    const bytesDone = this.#restored.reduce((sum, { bytes }) => sum + bytes, 0);
    return { volumesDone: this.#restored.length, volumesTotal: this.#total, bytesDone };
  }

  /** By claim; undefined when the restore leaves volumes alone. */
  get restored(): readonly RestoredVolume[] | undefined {
    if (this.#total === undefined) return undefined;
    return [...this.#restored].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  }

  /** Makes kept snapshots known to the cluster, before the claims that are made from them. Once: called again it has nothing to do. */
  async offer(prepared: RestorePreparation): Promise<void> {
    const kept = this.#todo(prepared, 'csi').filter((volume) => !this.#offered.has(volume));
    if (kept.length === 0) return;
    await this.#ledger.during('offer snapshots', () => inParallel(kept, this.#width, (volume) => this.#offer(volume, prepared)));
  }

  /** Fills every volume from the location, before anything can mount it; in place, while nothing does. Once, too. */
  async refill(prepared: RestorePreparation): Promise<void> {
    if (prepared.volumes) this.#total = prepared.volumes.length;
    const volumes = this.#todo(prepared, 'restic');
    const fill = () => this.#fillAll('restore volumes', volumes, prepared);
    if (volumes.length === 0 || this.#input.options.volumes?.inPlace !== true) return fill();
    await whilePaused(volumes, { input: this.#input, ledger: this.#ledger }, (blocked) => {
      this.#blocked.push(...blocked);
      return fill();
    });
  }

  /** Waits for the claims that are made from snapshots: some get their volume only when a pod mounts it. */
  async settle(prepared: RestorePreparation): Promise<void> {
    await this.#fillAll('await volumes', this.#todo(prepared, 'csi'), prepared);
  }

  get #width(): number {
    return this.#input.options.volumes?.concurrency ?? 1;
  }

  /** Volumes whose data is of that kind, those without data among the first kind, and that are not done. */
  #todo({ volumes = [] }: RestorePreparation, kind: 'restic' | 'csi'): readonly CapturedVolume[] {
    return volumes.filter((volume) => (volume.data?.kind ?? 'restic') === kind && !this.#done.has(volume));
  }

  async #offer(volume: CapturedVolume, prepared: RestorePreparation): Promise<void> {
    this.#offered.add(volume);
    const offered = await orIssue(
      () => offerSnapshot(this.#taskOf(volume, prepared)),
      (cause) => ({ code: 'VolumeNotRestored', message: `snapshot of claim ${nameOf(volume)}: ${cause}` }),
    );
    if (isIssue(offered)) this.#ledger.fail([offered]);
  }

  async #fillAll(step: string, volumes: readonly CapturedVolume[], prepared: RestorePreparation): Promise<void> {
    if (volumes.length === 0) return;
    await this.#ledger.during(step, () => inParallel(volumes, this.#width, (volume) => this.#fill(volume, prepared)));
  }

  #taskOf(volume: CapturedVolume, { sequence, serverTime }: RestorePreparation): RestoreVolumeInput {
    return { restore: this.#input, sequence, serverTime, runId: workflowInfo().runId, volume };
  }

  async #restore(volume: CapturedVolume, prepared: RestorePreparation): Promise<RestoredVolume> {
    const namespace = mapNamespace(this.#input.options.namespaceMapping, volume.namespace);
    const blocked = this.#blocked.find((one) => one.namespace === namespace && one.claim === volume.claim);
    if (!blocked) return restoreVolume(this.#taskOf(volume, prepared));
    return { namespace, claim: volume.claim, outcome: 'failed', reason: blocked.reason, files: 0, bytes: 0 };
  }

  async #fill(volume: CapturedVolume, prepared: RestorePreparation): Promise<void> {
    this.#done.add(volume);
    const done = await orIssue(
      () => this.#restore(volume, prepared),
      (cause) => ({ code: 'VolumeNotRestored', message: `volume of claim ${nameOf(volume)}: ${cause}` }),
    );
    if (isIssue(done)) {
      this.#ledger.fail([done]);
      const { namespace, claim } = volume;
      this.#restored.push({ namespace, claim, outcome: 'failed', reason: done.message, files: 0, bytes: 0 });
      return;
    }
    this.#restored.push(done);
    const issue = { code: 'VolumeNotRestored', message: `volume of claim ${nameOf(done)}: ${done.reason}` };
    if (done.outcome === 'failed') this.#ledger.fail([issue]);
    if (done.outcome === 'left') this.#ledger.warn([{ ...issue, code: 'VolumeLeft' }]);
  }
}

function nameOf({ namespace, claim }: { readonly namespace: string; readonly claim: string }): string {
  return `${namespace}/${claim}`;
}
