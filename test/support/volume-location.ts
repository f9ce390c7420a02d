import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CapturedVolume, MovedData } from '../../contracts/volume.ts';
import { ensureRepository } from '../../movers/ensure-repository.ts';
import { LocalMover } from '../../movers/local-mover.ts';
import { LocalRestic } from '../../movers/local-restic.ts';
import type { VolumeRepository } from '../../movers/port.ts';
import { ResticArchive } from '../../movers/restic-archive.ts';
import type { Repository } from '../../repository/repository.ts';
import { volumePassword } from '../../repository/volume-password.ts';
import { processIdentity } from '../../sandbox/process-identity.ts';
import { resolveTools } from '../../sandbox/resolve-tools.ts';
import { sampleManifest } from '../repository/samples.ts';
import { store } from '../repository/gc/places.ts';

const CLUSTER_UID = 'cluster-1';
const quiet = { signal: new AbortController().signal, onProgress: () => undefined };

/** A location with backups of one volume, made by a mover and committed by hand: no cluster takes part. */
export class VolumeLocation {
  /** The volume's folder. */
  readonly volume: string;
  readonly archive: ResticArchive;
  readonly restic: LocalRestic;
  readonly access: VolumeRepository;
  readonly #folder: string;
  readonly #mover: LocalMover;
  readonly #repository: Repository;
  #seed = 0;

  private constructor(parts: {
    readonly folder: string;
    readonly program: string;
    readonly access: VolumeRepository;
    readonly repository: Repository;
  }) {
    const { folder, program, access, repository } = parts;
    const settings = { restic: program, scratch: join(folder, 'scratch'), root: join(folder, 'volumes'), processIdentity };
    this.#folder = folder;
    this.volume = join(folder, 'volumes', 'data');
    mkdirSync(this.volume, { recursive: true });
    this.#mover = new LocalMover(settings);
    this.restic = new LocalRestic(settings);
    this.access = access;
    this.archive = new ResticArchive(this.restic, access);
    this.#repository = repository;
  }

  static async open(repository: Repository, reach: (password: string) => VolumeRepository): Promise<VolumeLocation> {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-volumes-'));
    const program = (await resolveTools(['restic'])).get('restic') ?? '';
    const { password } = await volumePassword(repository, CLUSTER_UID);
    const location = new VolumeLocation({ folder, program, access: reach(password), repository });
    await ensureRepository(location.restic, location.access, { signal: quiet.signal, patienceMs: 0 });
    return location;
  }

  /** Changes the volume's only file, and what it holds. */
  change(bytes: number): void {
    writeFileSync(join(this.volume, 'file'), randomBytes(bytes));
  }

  /** What a running backup does before it is committed. */
  capture(backup: string): Promise<MovedData> {
    const source = { kind: 'folder', path: this.volume } as const;
    const task = { id: randomBytes(6).toString('hex'), source, volumeMode: 'Filesystem', host: 'shop/data', backup } as const;
    return this.#mover.backup({ ...task, repository: this.access }, quiet);
  }

  async commit(name: string, data: MovedData): Promise<void> {
    this.#seed += 1;
    const parts = [await store(this.#repository, [this.#seed])];
    await this.#repository.commit(
      sampleManifest(name, parts, { cluster: { name: CLUSTER_UID, uid: CLUSTER_UID, version: 'v1' }, volumes: [volumeWith(data)] }),
    );
  }

  async backUp(name: string): Promise<MovedData> {
    const data = await this.capture(name);
    await this.commit(name, data);
    return data;
  }

  async snapshots(): Promise<readonly string[]> {
    return (await this.archive.snapshots(quiet)).map(({ backup }) => backup);
  }

  /** A snapshot's content as it comes back, in a folder of its own. */
  async restore({ snapshot }: MovedData): Promise<string> {
    const to = mkdtempSync(join(this.#folder, 'restored-'));
    await this.archive.restore({ snapshot, paths: [], folder: to }, quiet);
    return to;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function volumeWith(data: MovedData): CapturedVolume {
  return {
    namespace: 'shop',
    claim: 'data',
    volume: 'data',
    storageClass: '',
    driver: '',
    capacityBytes: 1,
    accessModes: ['ReadWriteOnce'],
    volumeMode: 'Filesystem',
    method: 'file-system',
    data,
    consistency: 'none',
    startedAt: '2026-01-02T03:04:05.000Z',
    completedAt: '2026-01-02T03:05:05.000Z',
  };
}
