/** `HOLDFAST_TEST_SEED`, or another number for each run, printed so that a failure can be had again. */
export function seedOfRun(): number {
  const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? Date.now() % 2 ** 31);
  process.stdout.write(`damage at random places: HOLDFAST_TEST_SEED=${seed}\n`);
  return seed;
}

/** Whole numbers below a bound, the same ones for the same seed (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
