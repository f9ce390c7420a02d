/** The few ASN.1 DER encodings that an X.509 certificate is made of (ITU-T X.690). Encoding only: nothing is ever parsed. */

export function sequence(...items: readonly Buffer[]): Buffer {
  return element(0x30, ...items);
}

export function set(...items: readonly Buffer[]): Buffer {
  return element(0x31, ...items);
}

/** A non-negative integer from its big-endian bytes. */
export function integer(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const minimal = first === -1 ? Buffer.of(0) : bytes.subarray(first);
  const negative = (minimal[0] ?? 0) >= 0x80;
  return element(0x02, ...(negative ? [Buffer.of(0)] : []), minimal);
}

export function boolean(value: boolean): Buffer {
  return element(0x01, Buffer.of(value ? 0xff : 0x00));
}

export function octetString(content: Buffer): Buffer {
  return element(0x04, content);
}

/** A bit string; the last `unusedBits` bits of the last byte do not count. */
export function bitString(content: Buffer, unusedBits = 0): Buffer {
  return element(0x03, Buffer.of(unusedBits), content);
}

export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text, 'utf8'));
}

/** Seconds, UTC; for years from 1950 to 2049. */
export function utcTime(time: Date): Buffer {
  const digits = time.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return element(0x17, Buffer.from(`${digits}Z`, 'ascii'));
}

/** An object identifier such as `2.5.4.3`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** A context-specific element: `[number]`, constructed or primitive. */
export function tagged(number: number, form: 'constructed' | 'primitive', content: Buffer): Buffer {
  return element((form === 'constructed' ? 0xa0 : 0x80) | number, content);
}

function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(0x80 | (rest % 128));
  return digits;
}
