import { StringDecoder } from 'node:string_decoder';

/** A larger event is not one of Kubernetes: objects end at some megabytes. */
const LONGEST_LINE = 64 * 1024 * 1024;

/** The lines of a UTF-8 stream, without empty ones. What follows the last line end is cut short and is left out. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  // Pieces are joined once for each line, so that a long line in many chunks costs linear time.
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const [first = '', ...more] = decoder.write(chunk).split('\n');
    pieces.push(first);
    length += first.length;
    for (const next of more) {
      const line = pieces.join('');
      if (line.trim() !== '') yield line;
      pieces = [next];
      length = next.length;
    }
    if (length > LONGEST_LINE) throw new Error(`a line is longer than ${LONGEST_LINE} characters`);
  }
}
