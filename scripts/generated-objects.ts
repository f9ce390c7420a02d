import type { JsonObject } from '../contracts/json.ts';

/** A seeded source of numbers from 0 to 1: the same seed makes the same objects on every machine (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Lines of words and numbers that compress about as configuration does. */
export function configurationText(random: () => number, bytes: number): string {
  const lines: string[] = [];
  for (let length = 0; length < bytes;) {
    const line = `${pick(random)}.${pick(random)}=${pick(random)}-${Math.floor(random() * 1e9).toString(36)}`;
    lines.push(line);
    length += line.length + 1;
  }
  return lines.join('\n').slice(0, bytes);
}

export function configMap(at: { readonly namespace: string; readonly name: string }, text: string): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...at, labels: { generated: 'true' } },
    data: { 'application.properties': text },
  };
}

const WORDS = ['price', 'region', 'cache', 'timeout', 'currency', 'retry', 'endpoint', 'limit', 'token', 'queue', 'mirror', 'stock'];

function pick(random: () => number): string {
  return WORDS[Math.floor(random() * WORDS.length)] ?? '';
}
