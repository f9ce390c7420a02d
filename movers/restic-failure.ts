import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { VolumeRepository } from './port.ts';
import type { ResticOutput } from './restic-output.ts';

/** How a run of restic ended. `code` is that of the process; undefined when it was killed. */
export interface Ended {
  readonly code: number | undefined;
  readonly output: ResticOutput;
}

/** What restic's exit codes mean, from 0.17 on. */
export const Exit = { Done: 0, Failed: 1, Incomplete: 3, NoRepository: 10, Locked: 11, WrongPassword: 12 } as const;

/** Codes above this are signals, as shells report them. */
const SIGNALS = 128;
const LONGEST_MESSAGE = 500;
const NAMES_SECRET = /KEY|SECRET|TOKEN|PASSWORD|SAS/;

type Rule = readonly [type: FailureType, pattern: RegExp, advice: string];

/** Where restic has no code of its own its message tells; the first that fits counts. */
const BY_MESSAGE: readonly Rule[] = [
  [
    FailureType.NotFound,
    /no matching ID found|no snapshot found|failed to find snapshot: no|load snapshot \S+: .*(no such file|does not exist|not found)|path .* not found/i,
    'list what there is with: volume ls',
  ],
  [FailureType.LocationGone, /NoSuchBucket|bucket does not exist|ContainerNotFound/i, 'check that the bucket of the location still exists'],
  [
    FailureType.Forbidden,
    /AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|Access Denied|403 Forbidden|AuthenticationFailed|AuthorizationFailure|permission denied/i,
    'check the credentials of the location, and whether the mover may read and write the volume',
  ],
  [FailureType.BadInput, /no space left on device|disk quota exceeded/i, 'make the volume larger, or free space where the repository is'],
  [
    FailureType.Damaged,
    /ciphertext verification failed|hash mismatch|does not match id|invalid data returned/i,
    'look at the repository with: restic check',
  ],
];

/** True for a run that ended by force, of whose work the index may know nothing. */
export function wasKilled({ code, output }: Ended): boolean {
  return output.exit === undefined && (code === undefined || code > SIGNALS);
}

/** The failure that the end of a run means, in one line and without secrets. `what` says what was tried: `backup of volume a/b`. */
export function resticFailure(ended: Ended, what: string, repository: VolumeRepository): HoldfastError {
  const { code, output } = ended;
  const said = output.exit?.message ?? output.lastWords;
  const words = tidy([said, ...output.problems.examples.slice(0, 3)].filter((text) => text !== '').join('; '), repository);
  const fail = (type: FailureType, message: string, advice: string) => new HoldfastError(type, `${what}: ${message}`, { advice });
  if (wasKilled(ended)) {
    return fail(FailureType.Unavailable, 'the mover was killed', 'if it happens again, give it more memory');
  }
  switch (code ?? Exit.Failed) {
    case Exit.NoRepository:
      return fail(
        FailureType.NotFound,
        `there is no restic repository at ${repository.url}`,
        'check the location: the repository is made with the first backup of a volume',
      );
    case Exit.Locked:
      return fail(
        FailureType.Unavailable,
        'the restic repository is being pruned',
        'wait until that is done; a lock left behind ends after 30 minutes',
      );
    case Exit.WrongPassword:
      return fail(
        FailureType.BadInput,
        `the password does not open the restic repository at ${repository.url}`,
        'check which location it belongs to',
      );
  }
  const [type, , advice] = BY_MESSAGE.find(([, pattern]) => pattern.test(words)) ?? [
    FailureType.Unavailable,
    /./,
    'check that the mover reaches the location',
  ];
  return fail(type, words === '' ? `restic ended with code ${String(code)}` : words, advice);
}

/** One line of restic's for people: no secrets, no line breaks, not too long. */
export function tidy(text: string, repository: Pick<VolumeRepository, 'password' | 'environment'>): string {
  const named = Object.entries(repository.environment).filter(([name]) => NAMES_SECRET.test(name));
  const secrets = [repository.password, ...named.map(([, value]) => value)].filter((secret) => secret !== '');
  const spellings = secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]);
  // A signature of Azure is part of its addresses, in whatever spelling.
  const clean = spellings.reduce((left, secret) => left.replaceAll(secret, '***'), text).replace(/\bsig=[^&\s"']+/g, 'sig=***');
  const line = clean
    .replace(/^Fatal: /, '')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE)}...` : line;
}
