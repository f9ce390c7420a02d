/** The repository has changed while a collection was looking at it: it begins anew. */
export class Changed extends Error {
  override readonly name = 'Changed';
}
