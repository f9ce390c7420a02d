/** A property of whatever was thrown, when it is text; '' otherwise. */
export function errorText(error: unknown, property: 'name' | 'message' | 'code'): string {
  const value = typeof error === 'object' && error !== null ? (error as Readonly<Record<string, unknown>>)[property] : undefined;
  return typeof value === 'string' ? value : '';
}

/**
 * What an SDK's error says, without the request that it carries: that has headers and addresses with signatures and tokens in it, and causes
 * end up in logs and in Temporal's history.
 */
export function plainCause(error: unknown): Error {
  const plain = new Error(
    errorText(error, 'message')
      .replaceAll(/\b(sig|token|assertion)=[^&\s"']+/gi, '$1=...')
      .replaceAll(/\s+/g, ' '),
  );
  plain.name = errorText(error, 'name') || 'Error';
  return plain;
}
