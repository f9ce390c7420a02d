import { generateIdentity } from '../../repository/age-files.ts';
import { initRepository } from '../../repository/init.ts';
import { openKeyAdmin, type KeyAdmin } from '../../repository/key-holders.ts';
import { rotateKeys, type RotationRequest } from '../../repository/key-rotation.ts';
import { openRepository, type Repository } from '../../repository/repository.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { MemoryStore } from '../support/memory-store.ts';

export const AT = '2026-03-04T05:06:07.000Z';
export const PASSPHRASE = 'correct horse battery staple';
/** scrypt takes a second otherwise. */
export const FAST = 2;

export interface Person {
  readonly identity: string;
  readonly recipient: string;
}

/** A repository of several people, in memory. */
export async function sharedRepository(people: number, options: { readonly passphrase?: boolean } = {}) {
  const store = new MemoryStore();
  const holders: Person[] = [];
  for (let index = 0; index < people; index++) holders.push(await generateIdentity());
  await initRepository(store, {
    recipients: holders.map(({ recipient }) => recipient),
    ...(options.passphrase ? { passphrase: PASSPHRASE, scryptWorkFactor: FAST } : {}),
  });
  return { store, people: holders };
}

export function openAs(store: ObjectStore, { identity }: Person): Promise<Repository> {
  return openRepository(store, { identities: [identity] });
}

export function adminOf(store: ObjectStore, { identity }: Person, maintenance = store): Promise<KeyAdmin> {
  return openKeyAdmin({ store, maintenance }, { identities: [identity] });
}

export function rotation(more: Partial<RotationRequest> = {}): RotationRequest {
  return { passphrases: [], dropPassphrases: false, dropUnknown: false, at: AT, scryptWorkFactor: FAST, ...more };
}

export async function rotateAs(store: ObjectStore, person: Person, more: Partial<RotationRequest> = {}) {
  return rotateKeys(await adminOf(store, person), rotation(more));
}

/** A copy of everything, to go on from. */
export function copyOf(store: MemoryStore): MemoryStore {
  const copy = new MemoryStore();
  for (const [key, body] of store.objects) copy.objects.set(key, Buffer.from(body));
  return copy;
}

export const keyFilesOf = (store: MemoryStore): string[] => [...store.objects.keys()].filter((key) => key.startsWith('keys/')).sort();
