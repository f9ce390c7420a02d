import type { Json, JsonObject } from '../../../contracts/json.ts';
import { changeAt, dropAt, isList, textAt } from '../fields.ts';

/** What the token controller puts into a token Secret, bound to the account's uid and signed by the old cluster. */
const TOKEN_DATA = ['token', 'ca.crt', 'namespace'];

/** ServiceAccount: generated token and registry secrets go (the controllers make new ones); those that the user listed stay. */
export function sanitiseServiceAccount(account: JsonObject): JsonObject {
  const name = textAt(account, 'metadata', 'name');
  return ['secrets', 'imagePullSecrets'].reduce(
    (current, key) =>
      changeAt(current, [key], (items) => {
        if (!isList(items)) return items;
        const kept = items.filter((item) => !isGenerated(item, name));
        return kept.length === 0 ? undefined : kept;
      }),
    account,
  );
}

/** Secret: a token that the user asked for by hand is asked for anew; `neverRestored` leaves out generated ones. */
export function sanitiseSecret(secret: JsonObject): JsonObject {
  if (textAt(secret, 'type') !== 'kubernetes.io/service-account-token') return secret;
  return dropAt(dropAt(secret, ['data'], TOKEN_DATA), ['metadata', 'annotations'], ['kubernetes.io/service-account.uid']);
}

/** True for names that the controllers generate for an account: `<account>-token-xxxxx`, `<account>-dockercfg-xxxxx`. */
export function isGeneratedSecretName(name: string, account: string): boolean {
  return name.startsWith(`${account}-`) && /^(token|dockercfg)-[a-z0-9]{5}$/.test(name.slice(account.length + 1));
}

function isGenerated(item: Json, account: string): boolean {
  return isGeneratedSecretName(textAt(item, 'name'), account);
}
