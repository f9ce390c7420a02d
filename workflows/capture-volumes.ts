import { CancellationScope, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { CaptureVolumeInput, VolumeActivities, VolumePlan } from '../contracts/activities.ts';
import type { BackupProjectInput } from '../contracts/backup.ts';
import type { Issue } from '../contracts/outcome.ts';
import type { QuiesceTask } from '../contracts/quiesce.ts';
import {
  VolumeMethod,
  type CapturedVolume,
  type MovedData,
  type PlannedVolume,
  type VolumeGroup,
  type VolumesProgress,
} from '../contracts/volume.ts';
import { coveredVolume } from '../domain/volume/covered-volume.ts';
import * as policy from './activity-options.ts';
import { inParallel } from './in-parallel.ts';
import type { Quiescence } from './quiescence.ts';
import { isIssue, orIssue, type RunLedger } from './run-ledger.ts';

const { planVolumes, removeTemporary } = proxyActivities<VolumeActivities>(policy.decide);
const { takeSnapshot, takeGroupSnapshot } = proxyActivities<VolumeActivities>(policy.waitForCluster);
const { captureVolume } = proxyActivities<VolumeActivities>(policy.moveVolume);

/** Snapshots that are asked for at the same time. */
const SNAPSHOT_WIDTH = 8;

/** The volumes of one backup, as far as they are captured. */
export class VolumeCapture {
  readonly #input: BackupProjectInput;
  readonly #ledger: RunLedger;
  readonly #quiescence: Quiescence;
  readonly #captured: CapturedVolume[] = [];
  #plan: VolumePlan | undefined;
  #mayBeNamed = false;
  /** Snapshots that were cut in a group, by the names of their volumes. */
  readonly #cutTogether = new Map<string, string>();

  constructor(input: BackupProjectInput, ledger: RunLedger, quiescence: Quiescence) {
    this.#input = input;
    this.#ledger = ledger;
    this.#quiescence = quiescence;
  }

  get progress(): VolumesProgress | undefined {
    if (!this.#plan) return undefined;
    const bytes = this.#captured.map(({ data }) => (data?.kind === 'restic' ? data.bytes : 0));
    return {
      volumesDone: this.#captured.length,
      volumesTotal: this.#plan.volumes.length,
      bytesDone: bytes.reduce((sum, one) => sum + one, 0),
    };
  }

  /** Applications to be quiesced while volumes are cut or read. */
  get quiesce(): readonly QuiesceTask[] {
    return this.#plan?.quiesce ?? [];
  }

  /** What the manifest says, in the order of the claims; undefined when the backup does not look at volumes. */
  get captured(): readonly CapturedVolume[] | undefined {
    if (!this.#plan || !this.#input.volumes) return undefined;
    const order = new Map(this.#plan.volumes.map((volume, index) => [nameOf(volume), index]));
    const at = (volume: CapturedVolume) => order.get(nameOf(volume)) ?? 0;
    return this.#captured.map((volume) => this.#asHeld(volume)).sort((a, b) => at(a) - at(b));
  }

  async plan(): Promise<void> {
    if (!this.#input.volumes && !this.#input.hooks) return;
    this.#plan = await this.#ledger.during('plan volumes', () => planVolumes(this.#input));
    this.#ledger.warn(this.#plan.warnings);
    this.#ledger.fail(this.#plan.errors);
    for (const volume of this.#plan.volumes) this.#ledger.say('info', `volume of ${nameOf(volume)}: ${volume.method}, ${volume.reason}`);
  }

  /** Cuts a snapshot of every volume that is captured from one. From here on they may be written to. */
  async cut(): Promise<void> {
    this.#loseRefused();
    const volumes = this.#of(VolumeMethod.CsiSnapshot, VolumeMethod.DataMove);
    if (volumes.length === 0) return;
    await this.#ledger.during('snapshot volumes', async () => {
      await inParallel(this.#wholeGroups(volumes), SNAPSHOT_WIDTH, (group) => this.#cutGroup(group));
      const alone = volumes.filter((volume) => !this.#cutTogether.has(nameOf(volume)));
      await inParallel(alone, SNAPSHOT_WIDTH, async (volume) => {
        const cut = await orIssue(
          () => takeSnapshot(this.#taskOf(volume)),
          (cause) => notCaptured(volume, cause),
        );
        if (isIssue(cut)) this.#lose(volume, cut);
      });
    });
  }

  /** Volumes of applications that could not be quiesced and must not be captured without. */
  #loseRefused(): void {
    for (const volume of this.#of(VolumeMethod.CsiSnapshot, VolumeMethod.DataMove, VolumeMethod.FileSystem)) {
      const refuser = this.#quiescence.refuserOf(volume.namespace, volume.claim);
      if (refuser) this.#lose(volume, notCaptured(volume, `${refuser.plugin} of ${refuser.application} could not quiesce it`));
    }
  }

  /** The groups of which every volume is to be cut. */
  #wholeGroups(volumes: readonly PlannedVolume[]): readonly VolumeGroup[] {
    const left = new Set(volumes.map(nameOf));
    return (this.#plan?.groups ?? []).filter(({ namespace, claims }) => claims.every((claim) => left.has(nameOf({ namespace, claim }))));
  }

  /** Where it cannot be, its volumes are cut one by one. */
  async #cutGroup(group: VolumeGroup): Promise<void> {
    const names = group.claims.join(', ');
    const cut = await orIssue(
      () => takeGroupSnapshot({ backup: this.#input, runId: workflowInfo().runId, group }),
      (cause) => notTogether(group, cause),
    );
    if (isIssue(cut)) this.#ledger.warn([cut]);
    else if (cut.problem !== '') this.#ledger.warn([notTogether(group, cut.problem)]);
    else {
      for (const { claim, snapshot } of cut.snapshots) this.#cutTogether.set(nameOf({ namespace: group.namespace, claim }), snapshot);
      this.#ledger.say('info', `volumes of ${group.namespace}/${names}: cut at one moment`);
    }
  }

  /** Reads the volumes that are captured as they are. */
  async moveLive(): Promise<void> {
    for (const volume of this.#of(VolumeMethod.Skip)) this.#captured.push(withoutData(volume));
    await this.#captureAll('capture volumes', this.#of(VolumeMethod.FileSystem));
  }

  /** Copies what the snapshots hold, or has them kept. */
  async moveSnapshots(): Promise<void> {
    await this.#captureAll('move snapshots', this.#of(VolumeMethod.CsiSnapshot, VolumeMethod.DataMove));
  }

  /** From here on a backup may name the snapshots that are to be kept, whatever becomes of the run: its commit is under way. */
  entrust(): void {
    this.#mayBeNamed = true;
  }

  /** Removes what the run has made in the cluster, also when it is cancelled. What cannot be removed now bears a label that says whose it was. */
  async tidy(): Promise<void> {
    const touched = (this.#plan?.volumes ?? []).filter(({ method }) => method !== VolumeMethod.Skip);
    const namespaces = [...new Set(touched.map(({ namespace }) => namespace))];
    if (namespaces.length === 0) return;
    const { cluster } = this.#input;
    const isKeeping = touched.some(({ method }) => method === VolumeMethod.CsiSnapshot);
    const kept = isKeeping ? ({ keptSnapshots: this.#mayBeNamed ? 'keep' : 'delete' } as const) : {};
    const groups = this.#plan?.groups ? { groups: this.#plan.groups } : {};
    await CancellationScope.nonCancellable(async () => {
      const removed = await orIssue(
        () => removeTemporary({ cluster, runId: workflowInfo().runId, namespaces, ...kept, ...groups }),
        (cause) => ({
          code: 'NotTidied',
          message: `temporary objects are left in the cluster: ${cause}`,
          advice: 'delete what bears the label holdfast.dev/run',
        }),
      );
      if (isIssue(removed)) this.#ledger.warn([removed]);
    });
  }

  /** The volume with what quiescing has made of it. */
  #asHeld(volume: CapturedVolume): CapturedVolume {
    const { namespace, claim } = volume;
    if (!volume.data) {
      const keeper = this.#quiescence.keeperOf(namespace, claim);
      return keeper ? { ...volume, consistency: keeper.guarantee, quiescedBy: keeper.plugin } : volume;
    }
    const holder = this.#quiescence.holderOf(namespace, claim);
    if (!holder) return volume;
    const { task } = holder;
    const putBack = holder.putBack.filter(({ claim }) => claim === volume.claim);
    const { streams } = holder;
    return {
      ...volume,
      consistency: task.guarantee,
      quiescedBy: task.plugin,
      ...(putBack.length === 0 ? {} : { putBack }),
      ...(streams.length === 0 ? {} : { streams }),
    };
  }

  /** The planned volumes of some methods that have not been lost yet. */
  #of(...methods: readonly VolumeMethod[]): readonly PlannedVolume[] {
    const done = new Set(this.#captured.map(nameOf));
    return (this.#plan?.volumes ?? []).filter((volume) => methods.includes(volume.method) && !done.has(nameOf(volume)));
  }

  /** A volume that cannot be captured is an error in the list, and the others go on. */
  async #captureAll(step: string, volumes: readonly PlannedVolume[]): Promise<void> {
    if (volumes.length === 0) return;
    const { concurrency = 1, concurrencyPerNode = 1 } = this.#input.volumes ?? {};
    const queues = queuesOf(volumes, (node) => (node === '' ? concurrency : concurrencyPerNode));
    await this.#ledger.during(step, () =>
      inParallel(queues, concurrency, async (queue) => {
        for (const volume of queue) await this.#capture(volume);
      }),
    );
  }

  async #capture(volume: PlannedVolume): Promise<void> {
    const done = await orIssue(
      () => captureVolume(this.#taskOf(volume)),
      (cause) => notCaptured(volume, cause),
    );
    if (isIssue(done)) {
      this.#lose(volume, done);
      return;
    }
    this.#captured.push(done);
    if (done.data?.kind === 'restic' && done.data.unread) this.#ledger.fail([incomplete(volume, done.data.unread)]);
  }

  #lose(volume: PlannedVolume, issue: Issue): void {
    this.#ledger.fail([issue]);
    this.#captured.push(withoutData(volume));
  }

  #taskOf(volume: PlannedVolume): CaptureVolumeInput {
    const snapshot = this.#cutTogether.get(nameOf(volume));
    const of = { backup: this.#input, clusterUid: this.#plan?.clusterUid ?? '', runId: workflowInfo().runId };
    return { ...of, volume, ...(snapshot === undefined ? {} : { snapshot }) };
  }
}

function incomplete(volume: PlannedVolume, { count, examples }: NonNullable<MovedData['unread']>): Issue {
  return {
    code: 'VolumeIncomplete',
    message: `volume of claim ${nameOf(volume)}: ${count} files could not be read: ${examples.join(', ')}`,
    advice: 'the rest of it is in the backup; see docs/movers.md for the rights that a mover needs',
  };
}

function notCaptured(volume: PlannedVolume, cause: string): Issue {
  return { code: 'VolumeNotCaptured', message: `volume of claim ${nameOf(volume)}: ${cause}` };
}

function notTogether({ namespace, claims }: VolumeGroup, cause: string): Issue {
  const message = `volumes of ${namespace}/${claims.join(', ')} are not cut at one moment: ${cause}`;
  return { code: 'NotCutTogether', message, advice: 'each is crash-consistent by itself; see docs/volumes.md' };
}

function withoutData(volume: PlannedVolume): CapturedVolume {
  const now = new Date().toISOString();
  return { ...coveredVolume(volume), consistency: 'none', startedAt: now, completedAt: now };
}

/** A shared queue for each node, as often as so many volumes of the node may be read at the same time. */
function queuesOf(volumes: readonly PlannedVolume[], widthOf: (node: string) => number): readonly Iterable<PlannedVolume>[] {
  const byNode = new Map<string, PlannedVolume[]>();
  for (const volume of volumes) byNode.set(nodeOf(volume), [...(byNode.get(nodeOf(volume)) ?? []), volume]);
  return [...byNode].flatMap(([node, own]) => {
    const queue = own.values();
    return Array.from({ length: Math.min(widthOf(node), own.length) }, () => queue);
  });
}

function nodeOf({ source }: PlannedVolume): string {
  return source?.kind === 'claim' ? source.node : '';
}

function nameOf({ namespace, claim }: Pick<PlannedVolume, 'namespace' | 'claim'>): string {
  return `${namespace}/${claim}`;
}
