const MAX_LENGTH = 63;
const NAME = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;

/**
 * `backup-20261122-101500` from `2026-11-22T10:15:00.123Z`: the time, to the second, as the ISO-8601 text says it. The prefix is `backup`,
 * `restore` or the name of a schedule.
 */
export function defaultName(prefix: string, time: string): string {
  const [date = '', clock = ''] = time.split('T');
  return `${prefix}-${date.replaceAll('-', '')}-${clock.slice(0, 8).replaceAll(':', '')}`;
}

/**
 * What is wrong with the name of a backup, restore, location or sandbox, in one line; '' when nothing is. Names go into keys of object
 * stores, file paths, labels and Temporal ids, so they are DNS-like: at most 63 of lower-case letters, digits, `-` and `.`.
 */
export function nameProblem(what: string, name: string): string {
  if (name === '') return `${what} name is empty`;
  const valid = name.length <= MAX_LENGTH && NAME.test(name) && !name.includes('..');
  return valid
    ? ''
    : `${what} name "${name}" is not allowed: use at most ${MAX_LENGTH} lower-case letters, digits, "-" and ".", with a letter or digit at both ends`;
}
