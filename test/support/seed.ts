/** mulberry32: small, and the same numbers for the same seed everywhere. Between 0 and 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** HOLDFAST_TEST_SEED, otherwise a new one; printed, so that what it led to can be repeated. */
export function testSeed(what: string): number {
  const given = process.env['HOLDFAST_TEST_SEED'];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
  process.stderr.write(`${what}: HOLDFAST_TEST_SEED=${seed}\n`);
  return seed;
}
