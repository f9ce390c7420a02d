/** Names that Windows keeps for devices, with any ending. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/;

/**
 * A name as a part of a path: of its own for every name, also on file systems that do not tell upper case from lower, and leading nowhere else.
 * What is not `a-z 0-9 . _ -` is written as `%xx`, and so is a `.` or `_` at the beginning: what begins with `_` is the layout's own.
 */
export function escapedName(name: string): string {
  const plain = Array.from(name)
    .map((character) => (/[a-z0-9._-]/.test(character) ? character : percent(character)))
    .join('');
  return /^[._]/.test(plain) || DEVICE.test(plain) ? `${percent(plain.slice(0, 1))}${plain.slice(1)}` : plain;
}

/** The name; '' when the text was never written by `escapedName`. */
export function unescapedName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function percent(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 128 ? `%${code.toString(16).padStart(2, '0')}` : encodeURIComponent(character).toLowerCase();
}
