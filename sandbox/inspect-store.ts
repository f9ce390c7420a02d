import { readFile } from 'node:fs/promises';
import { Etcd3 } from 'etcd3';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { EncryptedKind, OpenedStore } from './opened-place.ts';
import type { ProbeCredential } from './tls-probe.ts';

/** Where API servers keep their objects: kubeadm and nearly everybody else, and OpenShift. */
const PREFIXES = ['/registry', '/kubernetes.io'];
/** How a value begins that an API server has encrypted: provider, version and name of the key. */
const ENCRYPTED = /^k8s:enc:([^:]+):v[^:]*:([^:]*):/;
const LONGEST_BEGINNING = 200;

interface StoreAccess extends ProbeCredential {
  readonly url: string;
}

/**
 * Finds out where in an etcd the API server's objects are, of which kinds they are, and which of those are encrypted. Of each kind the value written first and the one written
 * last are looked at: encryption that was begun or ended at some time shows in one of them. `BadInput` when it holds no Kubernetes objects.
 */
export async function inspectStore(access: StoreAccess): Promise<OpenedStore> {
  const [rootCertificate, certChain, privateKey] = await Promise.all(
    [access.authority, access.certificate, access.key].map((file) => readFile(file)),
  );
  const credentials = rootCertificate && { rootCertificate, ...(privateKey && certChain ? { privateKey, certChain } : {}) };
  const etcd = new Etcd3({
    hosts: access.url,
    ...(credentials ? { credentials } : {}),
    grpcOptions: { 'grpc.max_receive_message_length': -1 },
  });
  try {
    const prefix = await prefixOf(etcd);
    const encrypted: EncryptedKind[] = [];
    const kinds = await kindsOf(etcd, prefix);
    for (const kind of kinds) encrypted.push(...(await encryptionOf(etcd, kind)));
    return { prefix, kinds: kinds.map(({ resource }) => resource), encrypted };
  } finally {
    etcd.close();
  }
}

async function prefixOf(etcd: Etcd3): Promise<string> {
  for (const prefix of PREFIXES) {
    const some = await etcd.getAll().prefix(`${prefix}/namespaces/`).limit(1).keys();
    if (some.length > 0) return prefix;
  }
  throw new HoldfastError(FailureType.BadInput, `the snapshot holds no Kubernetes objects: nothing is below ${PREFIXES.join(' or ')}`);
}

interface StoredKind {
  readonly resource: string;
  /** Of all its keys, with a slash at the end. */
  readonly keys: string;
}

/** Every kind that has keys, found by leaping from the first key of one behind the last key of it. */
async function kindsOf(etcd: Etcd3, prefix: string): Promise<readonly StoredKind[]> {
  const kinds: StoredKind[] = [];
  const end = afterAll(`${prefix}/`);
  for (let start = `${prefix}/`; ;) {
    const [key] = await etcd.getAll().inRange({ start, end }).limit(1).keys();
    if (key === undefined) return kinds;
    const kind = kindOf(key, prefix);
    kinds.push(kind);
    start = afterAll(kind.keys);
  }
}

/** `PREFIX/secrets/NAMESPACE/NAME`, `PREFIX/services/specs/...`, `PREFIX/GROUP/PLURAL/...`. */
function kindOf(key: string, prefix: string): StoredKind {
  const [first = '', second = ''] = key.slice(prefix.length + 1).split('/');
  if (first.includes('.')) return { resource: `${second}.${first}`, keys: `${prefix}/${first}/${second}/` };
  if (first === 'services') return { resource: second === 'specs' ? first : second, keys: `${prefix}/${first}/${second}/` };
  return { resource: first, keys: `${prefix}/${first}/` };
}

async function encryptionOf(etcd: Etcd3, { resource, keys }: StoredKind): Promise<readonly EncryptedKind[]> {
  const found = new Map<string, EncryptedKind>();
  for (const order of ['Ascend', 'Descend'] as const) {
    const [value] = Object.values(await etcd.getAll().prefix(keys).sort('Mod', order).limit(1).buffers());
    const match = ENCRYPTED.exec(value?.subarray(0, LONGEST_BEGINNING).toString('latin1') ?? '');
    const [, provider = '', key = ''] = match ?? [];
    if (match) found.set(`${provider}/${key}`, { resource, provider, key });
  }
  return [...found.values()];
}

/** The first key behind all that begin so; the last character is always a slash. */
function afterAll(keys: string): string {
  return `${keys.slice(0, -1)}0`;
}
