/**
 * Characters that JSON may hold as they are and YAML may not: control characters are refused, and the line separators are folded into a
 * space, without a word.
 */

const UNSAFE = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** JSON that means the same when it is read as YAML, as server-side apply reads it. */
export function yamlSafe(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
