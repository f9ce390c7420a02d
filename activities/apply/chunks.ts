/** Regroups a stream of lists into lists of at least `size` items (the last one may be shorter), in order. */
export async function* chunks<T>(lists: AsyncIterable<readonly T[]>, size: number): AsyncGenerator<readonly T[]> {
  let gathered: T[] = [];
  for await (const list of lists) {
    gathered.push(...list);
    if (gathered.length < size) continue;
    yield gathered;
    gathered = [];
  }
  if (gathered.length > 0) yield gathered;
}
