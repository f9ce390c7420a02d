import type { CapturePlan } from '../../contracts/activities.ts';
import type { BackupProjectInput } from '../../contracts/backup.ts';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { ClusterIdentity } from '../../contracts/manifest.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { captureTasks } from '../../domain/plan/backup-plan.ts';
import { textAt } from '../../domain/resource/fields.ts';
import { resolveNamespaces, resolveTypes, takesRelated } from '../../domain/selection/backup-selection.ts';
import { canonicalSelection } from '../../domain/selection/canonical-selection.ts';
import { validateSelection } from '../../domain/selection/validate-selection.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import { NAMESPACES } from './builtin-types.ts';
import { discoverAll } from './discover-all.ts';
import { listAll } from './list-all.ts';

/** Discovers the cluster, resolves the selection and fixes the revision. Reads only. */
export async function planBackup(cluster: Cluster, input: BackupProjectInput, signal: AbortSignal): Promise<CapturePlan> {
  refuseProblems(validateSelection(input.selection));
  const [version, discovery, { revision }] = await Promise.all([
    cluster.version({ signal }),
    discoverAll(cluster, signal),
    cluster.now({ signal }),
  ]);
  const types = resolveTypes(input.selection, discovery.types);
  const existing = await namespaces(cluster, signal);
  const { names, missing } = resolveNamespaces(input.selection, [...existing.keys()]);
  refuseProblems(types.problems);
  if (names.length === 0 && input.selection.includedNamespaces.length > 0) {
    throw new HoldfastError(FailureType.NotFound, missing[0] ?? 'no namespace matches the selection', {
      advice: 'see `kubectl get namespaces`',
    });
  }
  const identity: ClusterIdentity = { name: cluster.name, uid: existing.get('kube-system') ?? '', version: version.gitVersion };
  return {
    cluster: identity,
    selection: canonicalSelection(input.selection, discovery.types),
    revision,
    namespaces: names,
    tasks: captureTasks({ selection: input.selection, types, namespaces: names, namespaceCount: existing.size }),
    followReferences: takesRelated(input.selection),
    warnings: [...types.warnings.map((message) => ({ code: 'UnknownKind', message }))],
    errors: [...missing.map((message): Issue => ({ code: 'NamespaceMissing', message })), ...discovery.unavailable.map(unavailable)],
  };
}

function refuseProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new HoldfastError(FailureType.BadInput, problems.join('; '));
}

function unavailable({ groupVersion, reason }: { readonly groupVersion: string; readonly reason: string }): Issue {
  return {
    code: 'KindUnavailable',
    message: `the API group ${groupVersion} does not answer: ${reason}`,
    advice: 'its objects are not in this backup; see `kubectl get apiservices`',
  };
}

/** Name to uid of every namespace. */
async function namespaces(cluster: Cluster, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const all = await listAll(cluster, { type: NAMESPACES }, signal);
  return new Map(all.map((object) => [textAt(object, 'metadata', 'name'), textAt(object, 'metadata', 'uid')]));
}
