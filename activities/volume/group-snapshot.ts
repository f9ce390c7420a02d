import { setTimeout as delay } from 'node:timers/promises';
import type { GroupSnapshotTaken, TakeGroupSnapshotInput } from '../../contracts/activities.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { ObjectRef, ResourceType } from '../../contracts/resource.ts';
import { listAt, textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { CLAIMS } from '../capture/builtin-types.ts';
import { listAll } from '../capture/list-all.ts';
import type { Pulse } from '../heartbeat.ts';
import { createOrAdopt } from './create-or-adopt.ts';
import { groupKinds, VOLUME_SNAPSHOTS } from './snapshot-kinds.ts';
import { groupMember, GROUP_LABEL, temporaryMetadata } from './temporary.ts';
import { unmarkClaims } from './unmark-claims.ts';

const POLL_MS = 250;
/** The application waits meanwhile, and single snapshots are still to come when it takes longer. */
const CUT_WITHIN_MS = 120_000;
/** Drivers fail and are asked again; what fails for longer than this does not come right in time. */
const FAILS_FOR_MS = 20_000;

export interface GroupWork {
  readonly cluster: Cluster;
  readonly input: TakeGroupSnapshotInput;
  readonly pulse: Pulse;
}

/**
 * Takes snapshots of several volumes at one moment and returns when that has passed. A group is chosen by labels, so the claims bear one of ours
 * until the driver has been told which they are. A group that cannot be cut is taken away again.
 */
export async function takeGroupSnapshot(work: GroupWork): Promise<GroupSnapshotTaken> {
  const kinds = await groupKinds(work.cluster, work.pulse.signal);
  if (!kinds) return { snapshots: [], problem: 'the cluster has no volume group snapshots any more' };
  const { input, pulse } = work;
  const { namespace, claims } = input.group;
  const metadata = temporaryMetadata(input.runId, memberOf(input));
  const ref: ObjectRef = { type: kinds.snapshots, namespace, name: textAt(metadata, 'name') };
  try {
    await mark(work);
    await createOrAdopt(work, ref, groupObject(work, metadata, ref));
    const snapshots = await awaitCut(work, { ref, contents: kinds.contents });
    await unmarkClaims(work.cluster, { namespace, claims }, pulse.signal);
    return { snapshots, problem: '' };
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.type === FailureType.Unavailable) throw error;
    await work.cluster.delete(ref, { signal: pulse.signal });
    await unmarkClaims(work.cluster, { namespace, claims }, pulse.signal);
    return { snapshots: [], problem: error.message };
  }
}

async function mark({ cluster, input, pulse }: GroupWork): Promise<void> {
  const { namespace, claims } = input.group;
  const labels = { [GROUP_LABEL]: groupMember(input.runId, memberOf(input)) };
  for (const claim of claims) {
    const options = { fieldManager: 'holdfast', signal: pulse.signal };
    await cluster.patch({ type: CLAIMS, namespace, name: claim }, { metadata: { labels } }, options);
  }
}

function groupObject({ input }: GroupWork, metadata: JsonObject, { type }: ObjectRef): JsonObject {
  return {
    apiVersion: `${type.group}/${type.version}`,
    kind: type.kind,
    metadata,
    spec: {
      volumeGroupSnapshotClassName: input.group.snapshotClass,
      source: { selector: { matchLabels: { [GROUP_LABEL]: groupMember(input.runId, memberOf(input)) } } },
    },
  };
}

interface Where {
  readonly ref: ObjectRef;
  readonly contents: ResourceType;
}

/** Until the driver has cut it and each claim has its snapshot. */
async function awaitCut(work: GroupWork, where: Where): Promise<GroupSnapshotTaken['snapshots']> {
  const { cluster, input, pulse } = work;
  const deadline = performance.now() + CUT_WITHIN_MS;
  let patience = FAILS_FOR_MS;
  for (;;) {
    pulse.beat();
    const group = (await cluster.get(where.ref, { signal: pulse.signal }))?.object;
    if (!group) throw new HoldfastError(FailureType.NotFound, 'it was deleted by somebody else');
    const members = (await isCut(work, group, where)) ? await membersOf(work, group) : [];
    const found = input.group.claims.flatMap((claim) => members.filter((member) => member.claim === claim));
    if (found.length === input.group.claims.length) return found;
    const reason = textAt(group, 'status', 'error', 'message');
    patience = reason === '' ? FAILS_FOR_MS : patience - POLL_MS;
    if (patience < 0 || performance.now() > deadline)
      throw new HoldfastError(FailureType.NotFound, `it was not cut in time: ${reason || 'the driver says nothing'}`);
    await delay(POLL_MS, undefined, { signal: pulse.signal });
  }
}

async function isCut({ cluster, pulse }: GroupWork, group: JsonObject, { contents }: Where): Promise<boolean> {
  const name = textAt(group, 'status', 'boundVolumeGroupSnapshotContentName');
  if (name === '') return false;
  const content = await cluster.get({ type: contents, namespace: '', name }, { signal: pulse.signal });
  return textAt(content?.object, 'status', 'volumeGroupSnapshotHandle') !== '';
}

async function membersOf({ cluster, input, pulse }: GroupWork, group: JsonObject): Promise<GroupSnapshotTaken['snapshots']> {
  const uid = textAt(group, 'metadata', 'uid');
  const { namespace } = input.group;
  const all = await listAll(cluster, { type: VOLUME_SNAPSHOTS, namespace }, pulse.signal);
  return all
    .filter((snapshot) => listAt(snapshot, 'metadata', 'ownerReferences').some((owner) => textAt(owner, 'uid') === uid))
    .map((snapshot) => ({
      claim: textAt(snapshot, 'spec', 'source', 'persistentVolumeClaimName'),
      snapshot: textAt(snapshot, 'metadata', 'name'),
    }));
}

/** The group, as the only one with its first claim. */
function memberOf({ group }: TakeGroupSnapshotInput): { readonly namespace: string; readonly claim: string } {
  return { namespace: group.namespace, claim: `group of ${group.claims[0] ?? ''}` };
}
