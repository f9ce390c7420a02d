/** Everything that an iteration yields. */
export async function collect<T>(iteration: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of iteration) items.push(item);
  return items;
}
