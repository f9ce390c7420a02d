/** A command's error output on one line, its begin and its end: what goes into messages. */
export function briefly(stderr: string): string {
  const line = stderr.replace(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 200)} ... ${line.slice(-100)}` : line;
}
