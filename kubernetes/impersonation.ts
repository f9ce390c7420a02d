import type { KubeconfigUser } from './kubeconfig-schema.ts';

/** The headers that ask the API server to act as somebody else; none without `as`. */
export function impersonationHeaders(user: KubeconfigUser): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  if (user.as !== '') headers['Impersonate-User'] = utf8(user.as);
  if (user['as-uid'] !== '') headers['Impersonate-Uid'] = utf8(user['as-uid']);
  if (user['as-groups'].length > 0) headers['Impersonate-Group'] = user['as-groups'].map(utf8);
  for (const [name, values] of Object.entries(user['as-user-extra'])) {
    headers[`Impersonate-Extra-${escapeName(name)}`] = values.map(utf8);
  }
  return headers;
}

/** The API server reads header values as UTF-8; HTTP clients write a byte for each character. */
function utf8(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}

/** What a header's name cannot hold is percent-encoded, as client-go does and the API server undoes: `example.org/team`. */
function escapeName(name: string): string {
  return utf8(name).replace(/[^!#$&'*+.^_`|~0-9A-Za-z-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
