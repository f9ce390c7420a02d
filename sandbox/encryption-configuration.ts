import { parse } from 'yaml';
import { z } from 'zod';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { EncryptedKind } from './opened-place.ts';

const Keys = z.looseObject({ keys: z.array(z.looseObject({ name: z.string() })).default([]) });
const Provider = z.looseObject({
  aescbc: Keys.exactOptional(),
  aesgcm: Keys.exactOptional(),
  secretbox: Keys.exactOptional(),
  kms: z.looseObject({ name: z.string().default('') }).exactOptional(),
});
const Configuration = z.looseObject({
  kind: z.literal('EncryptionConfiguration'),
  resources: z.array(z.looseObject({ providers: z.array(Provider).default([]) })).default([]),
});

/** Names of the keys of an EncryptionConfiguration, as `provider/key`. The keys themselves stay where they are. */
export type KeyNames = ReadonlySet<string>;

/**
 * Reads which keys an EncryptionConfiguration has; what else is in it, the API server checks. `BadInput` when it is none, and when it names a kms
 * provider: the plugin behind it runs on the control-plane nodes of the cluster, and nothing here can take its place.
 */
export function readKeyNames(text: string): KeyNames {
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 10 });
  } catch (error) {
    // The parser quotes the line that it does not like, and that may be a key.
    throw unusable('it is not YAML', error);
  }
  const checked = Configuration.safeParse(document);
  if (!checked.success) throw unusable('it is no EncryptionConfiguration');
  const providers = checked.data.resources.flatMap((resource) => resource.providers);
  if (providers.some(({ kms }) => kms !== undefined)) {
    throw new HoldfastError(
      FailureType.BadInput,
      'the encryption configuration names a kms provider, whose plugin is not here to decrypt',
      {
        advice: 'give one with aescbc, aesgcm or secretbox, or leave it out: what kms has encrypted stays unread',
      },
    );
  }
  const named = (['aescbc', 'aesgcm', 'secretbox'] as const).flatMap((provider) =>
    providers.flatMap((one) => one[provider]?.keys ?? []).map((key) => `${provider}/${key.name}`),
  );
  return new Set(named);
}

/** What of the encrypted kinds no key of the configuration can open. */
export function withoutKey(encrypted: readonly EncryptedKind[], keys: KeyNames): readonly EncryptedKind[] {
  return encrypted.filter(({ provider, key }) => !keys.has(`${provider}/${key}`));
}

/** `secrets (aescbc, key "key1")`, each once. */
export function encryptedText(encrypted: readonly EncryptedKind[]): string {
  return encrypted.map(({ resource, provider, key }) => `${resource} (${provider}, key "${key}")`).join(', ');
}

function unusable(problem: string, cause?: unknown): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `the encryption configuration cannot be used: ${problem}`, {
    advice: 'give the file that kube-apiserver gets as --encryption-provider-config',
    ...(cause === undefined ? {} : { cause: new Error('malformed YAML') }),
  });
}
