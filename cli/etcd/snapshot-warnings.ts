import type { ResourceType } from '../../contracts/resource.ts';
import { textAt } from '../../domain/resource/fields.ts';
import type { Cluster } from '../../kubernetes/port.ts';
import type { Sandbox } from '../../sandbox/control-plane.ts';
import { encryptedText } from '../../sandbox/encryption-configuration.ts';
import { readOpenedStore } from '../../sandbox/opened-place.ts';
import { unservedKinds } from './unserved-kinds.ts';

const DEFINITIONS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  resource: 'customresourcedefinitions',
  namespaced: false,
};
const PAGE = 500;

/** What of an opened snapshot cannot be read, and why, a line each. */
export async function snapshotWarnings(cluster: Cluster, sandbox: Sandbox): Promise<readonly string[]> {
  const { types, unavailable } = await cluster.discover();
  const store = await readOpenedStore(sandbox);
  return [
    ...unreadableWarning(sandbox),
    ...unservedWarning(unservedKinds(store?.kinds ?? [], types)),
    ...unavailable.map(({ groupVersion }) => `${groupVersion} is served by an API server of the cluster's own, which is not here`),
    ...(await convertedKinds(cluster)).map(
      (name) => `${name} is converted by a webhook, which is not here: objects that are stored in another version cannot be read`,
    ),
  ];
}

function unservedWarning(kinds: readonly string[]): readonly string[] {
  if (kinds.length === 0) return [];
  return [
    `stored, and served by no API server of this version: ${kinds.join(', ')}; after an upgrade the cluster would not show them either`,
  ];
}

function unreadableWarning({ opened }: Sandbox): readonly string[] {
  const unreadable = opened?.unreadable ?? [];
  if (unreadable.length === 0) return [];
  return [`encrypted at rest, and not to be read: ${encryptedText(unreadable)}; ${howToDecrypt(sandboxKms(unreadable))}`];
}

/** What somebody is to give who wants to read what is encrypted. */
export function howToDecrypt(isKms: boolean): string {
  return isKms
    ? 'what a kms plugin has encrypted can only be read where the plugin runs'
    : 'give --encryption-config with the file that kube-apiserver gets as --encryption-provider-config';
}

export function sandboxKms(unreadable: readonly { readonly provider: string }[]): boolean {
  return unreadable.some(({ provider }) => provider === 'kms');
}

async function convertedKinds(cluster: Cluster): Promise<readonly string[]> {
  const names: string[] = [];
  for (let token = '', isFirst = true; isFirst || token !== ''; isFirst = false) {
    const request = { type: DEFINITIONS, namespace: '', labelSelector: '', limit: PAGE, exactRevision: '', continueToken: token };
    const page = await cluster.listPage(request);
    const converted = page.items.filter(({ object }) => textAt(object, 'spec', 'conversion', 'strategy') === 'Webhook');
    names.push(...converted.map(({ object }) => textAt(object, 'metadata', 'name')));
    token = page.continueToken;
  }
  return names;
}
