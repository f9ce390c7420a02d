import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { JsonObject } from '../../contracts/json.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { PodMover } from '../../movers/pod-mover.ts';
import type { PodMoverSettings } from '../../movers/pod-settings.ts';
import type { VolumeRepository } from '../../movers/port.ts';
import type { MoverTrial } from '../contract/mover.suite.ts';
import { resticProcesses } from '../support/restic-processes.ts';

const core = (kind: string, resource: string, namespaced = true): ResourceType => ({
  group: '',
  version: 'v1',
  kind,
  resource,
  namespaced,
});

const VOLUMES = core('PersistentVolume', 'persistentvolumes', false);
const CLAIMS = core('PersistentVolumeClaim', 'persistentvolumeclaims');
const NAMESPACE = 'default';

interface PodTrialOptions {
  readonly cluster: Cluster;
  readonly settings: PodMoverSettings;
  readonly repository: VolumeRepository;
  /** The folder in which the repository's data is at last. */
  readonly stored: string;
}

/** A mover of pods with claims whose volumes are folders of this machine. */
export function podTrial({ cluster, settings, repository, stored }: PodTrialOptions): MoverTrial {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-pod-mover-'));
  return {
    mover: new PodMover(cluster, settings),
    repository,
    newMover: () => new PodMover(cluster, settings),
    newVolume: async () => {
      const name = `volume-${randomBytes(4).toString('hex')}`;
      const path = join(folder, name);
      mkdirSync(path);
      await bindVolume(cluster, name, { hostPath: { path } });
      return { source: { kind: 'claim', namespace: NAMESPACE, claim: name, node: '' }, folder: path };
    },
    kill: async () => {
      const processes = resticProcesses(repository.password);
      if (processes.length === 0) throw new Error('no restic is running');
      for (const { pid } of processes) process.kill(pid, 'SIGKILL');
      await delay(100);
    },
    leftovers: async () => [
      ...resticProcesses(repository.password).map(({ line }) => line),
      ...(await namesOf(cluster, core('Pod', 'pods'))),
      ...(await namesOf(cluster, core('Secret', 'secrets'))),
    ],
    stored: () => Promise.resolve(sizeOf(stored)),
    stop: () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

/** A claim that is bound to a volume of that kind. */
export async function bindVolume(cluster: Cluster, name: string, source: JsonObject, volumeMode = 'Filesystem'): Promise<void> {
  const options = { fieldManager: 'test' };
  const shared = { accessModes: ['ReadWriteOnce'], storageClassName: '', volumeMode };
  const capacity = { storage: '1Gi' };
  await cluster.create(
    { type: VOLUMES, namespace: '', name },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: { ...shared, capacity, ...source, claimRef: { namespace: NAMESPACE, name } },
    },
    options,
  );
  const claim = { type: CLAIMS, namespace: NAMESPACE, name };
  await cluster.create(
    claim,
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: NAMESPACE },
      spec: { ...shared, volumeName: name, resources: { requests: capacity } },
    },
    options,
  );
  while (textAt((await cluster.get(claim))?.object, 'status', 'phase') !== 'Bound') await delay(100);
}

async function namesOf(cluster: Cluster, type: ResourceType): Promise<readonly string[]> {
  const labelSelector = 'app.kubernetes.io/component=mover';
  const request = { type, namespace: '', labelSelector, limit: 100, exactRevision: '', continueToken: '' };
  return (await cluster.listPage(request)).items.map(({ object }) => `${type.kind} ${textAt(object, 'metadata', 'name')}`);
}

function sizeOf(folder: string): number {
  try {
    return Number(execFileSync('du', ['-sb', folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\t')[0]);
  } catch {
    // A file was renamed meanwhile.
    return 0;
  }
}
