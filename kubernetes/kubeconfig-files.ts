import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { SERVICE_ACCOUNT_FOLDER } from './service-account.ts';

/** Where credentials come from: kubeconfig files, the first that names something wins, or the pod's own service account. */
export type KubeconfigSource = { readonly files: readonly string[] } | 'in-cluster';

/**
 * Finds the kubeconfig as kubectl does: the path that was asked for, else the files of KUBECONFIG that exist, else ~/.kube/config, else, in a
 * pod, its service account. `NotFound` when there is none.
 */
export function findKubeconfig(asked: string, environment: NodeJS.ProcessEnv): KubeconfigSource {
  if (asked !== '') return { files: existing([asked], `there is no kubeconfig ${asked}`) };
  const listed = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  if (listed.length > 0) return { files: existing(listed, `KUBECONFIG names no file that exists (${listed.join(', ')})`) };
  const standard = join(environment['HOME'] ?? homedir(), '.kube', 'config');
  if (existsSync(standard)) return { files: [standard] };
  if (environment['KUBERNETES_SERVICE_HOST'] && existsSync(join(SERVICE_ACCOUNT_FOLDER, 'token'))) return 'in-cluster';
  throw new HoldfastError(FailureType.NotFound, `there is no kubeconfig: KUBECONFIG is not set and ${standard} does not exist`, {
    advice: 'name one with --kubeconfig, or start a local cluster with `holdfast sandbox up`',
  });
}

function existing(files: readonly string[], complaint: string): readonly string[] {
  const found = files.filter((file) => existsSync(file));
  if (found.length > 0) return found;
  throw new HoldfastError(FailureType.NotFound, complaint, { advice: 'check the path' });
}
