import { FROM_GIT_LABEL, type CommitImported, type ImportCommitInput } from '../../contracts/git.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { Issue } from '../../contracts/outcome.ts';
import type { ResourceType } from '../../contracts/resource.ts';
import { SELECT_ALL } from '../../contracts/selection.ts';
import { branchOf } from '../../domain/git/branch-name.ts';
import { objectFileOf, type ObjectFile } from '../../domain/git/file-path.ts';
import { stringifyLossless } from '../../domain/json/lossless.ts';
import type { GitClone, GitRemote } from '../../git/port.ts';
import type { Repository } from '../../repository/repository.ts';
import { Collector } from '../capture/collector.ts';
import { commitBackup } from '../catalog/commit-backup.ts';
import type { Pulse } from '../heartbeat.ts';
import { manifestOf } from './manifest-file.ts';

export interface ImportWork {
  readonly remote: GitRemote;
  readonly repository: Repository;
  readonly input: ImportCommitInput;
  /** Of the run, for the manifest. */
  readonly runId: string;
  readonly pulse: Pick<Pulse, 'beat' | 'signal'>;
}

/** A commit that is to become a backup. */
interface Chosen {
  readonly id: string;
  readonly files: readonly { readonly path: string; readonly blob: string; readonly file: ObjectFile }[];
}

/** Stores the objects of a commit like captured ones, and commits them as a backup. */
export async function importCommit(work: ImportWork): Promise<CommitImported> {
  const { remote, input, pulse } = work;
  const branch = remote.branch === '' ? branchOf(input.cluster) : remote.branch;
  return remote.open({ signal: pulse.signal, beat: pulse.beat }, async (clone) => {
    await clone.fetchAll();
    pulse.beat();
    const id = await clone.resolve(input.commit, branch);
    const files = [...(await clone.files(id))].flatMap(([path, blob]) => {
      const file = objectFileOf(path);
      return file ? [{ path, blob, file }] : [];
    });
    const name = nameOf(id, files, remote);
    const known = (await work.repository.backups()).find(
      ({ manifest }) => manifest.name === name && manifest.labels?.[FROM_GIT_LABEL] === id,
    );
    if (known) {
      const { objectCount: objects, warnings } = known.manifest;
      return { backup: name, sequence: known.sequence, commit: id, objects, made: false, warnings };
    }
    return store(work, clone, { name, chosen: { id, files } });
  });
}

/** Without the Secrets it is another backup: the whole one can be made when the identity is there. */
function nameOf(id: string, files: Chosen['files'], { sealer }: GitRemote): string {
  const lacksSecrets = !(sealer?.canOpen ?? false) && files.some(({ file }) => file.sealed);
  return `git-${id.slice(0, 12)}${lacksSecrets ? '-without-secrets' : ''}`;
}

async function store(
  { remote, repository, input, runId, pulse }: ImportWork,
  clone: GitClone,
  { name, chosen: { id, files } }: { readonly name: string; readonly chosen: Chosen },
): Promise<CommitImported> {
  const startedAt = new Date().toISOString();
  const collector = new Collector(repository.startBatch({ signal: pulse.signal }));
  const revision = (await clone.trailer(id, 'Holdfast-Revision')) || '0';
  const warnings: Issue[] = [];
  const namespaces = new Set<string>();
  let next = 0;
  for await (const content of clone.read(files.map(({ blob }) => blob))) {
    const found = files[next];
    next += 1;
    pulse.beat();
    if (!found) continue;
    const read = await manifestOf({ file: found.file, content }, remote.sealer);
    if ('object' in read) {
      await add(collector, read, revision);
      if (found.file.namespace !== '') namespaces.add(found.file.namespace);
    } else warnings.push(leftOut(found.path, read));
  }
  const captured = await collector.finish({ warnings, errors: [] }, pulse.signal);
  const backup = {
    name,
    cluster: input.cluster,
    location: input.location,
    selection: SELECT_ALL,
    labels: { [FROM_GIT_LABEL]: id },
  };
  const cluster = { name: input.cluster, uid: '', version: '' };
  const completedAt = new Date().toISOString();
  const { sequence } = await commitBackup(repository, {
    backup,
    runId,
    plan: { cluster, revision, namespaces: [...namespaces].sort() },
    parts: captured.part === '' ? [] : [captured.part],
    result: {
      ...{ name, phase: 'Completed', revision, cluster, objectCount: collector.objects, kinds: captured.kinds, sizes: captured.sizes },
      ...{ warnings, errors: [], startedAt, completedAt, steps: [], copies: [] },
    },
    log: [],
  });
  return { backup: name, sequence, commit: id, objects: collector.objects, made: true, warnings };
}

async function add(
  collector: Collector,
  { object, type }: { readonly object: JsonObject; readonly type: ResourceType },
  revision: string,
): Promise<void> {
  await collector.add({ type, revision, fallbackReason: '' }, [{ object, bytes: Buffer.from(stringifyLossless(object)) }]);
}

function leftOut(path: string, why: { readonly sealed: true } | { readonly problem: string }): Issue {
  if ('problem' in why) return { code: 'NoManifest', message: `${path} is left out: ${why.problem}` };
  return {
    code: 'SecretLeftOut',
    message: `${path} is left out: it is encrypted, and no identity of this worker opens it`,
    advice: 'name the identity in the configuration of the Git remote',
  };
}
