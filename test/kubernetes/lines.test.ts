import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { splitLines } from '../../kubernetes/lines.ts';

async function linesOf(chunks: readonly Buffer[]): Promise<string[]> {
  const lines: string[] = [];
  async function* stream() {
    for (const chunk of chunks) yield await Promise.resolve(chunk);
  }
  for await (const line of splitLines(stream())) lines.push(line);
  return lines;
}

describe('splitLines', () => {
  it('finds the same lines however the bytes are cut, and leaves out what is cut short', async () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => JSON.stringify(text));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat(200)), async (lines, cuts) => {
        const bytes = Buffer.from(`${lines.map((one) => `${one}\n`).join('\n')}"cut sh`);
        const places = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b);
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        expect(await linesOf(chunks)).toStrictEqual(lines);
      }),
    );
  });
});
