import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { briefly } from '../domain/text/briefly.ts';

/** The clone on this machine is not what it should be: it is made anew. */
export class BrokenClone extends Error {
  override readonly name = 'BrokenClone';
}

export interface FailedGit {
  /** The remote, for people. */
  readonly where: string;
  readonly stderr: string;
  /** Texts that must not be repeated. */
  readonly secrets: readonly string[];
}

type Rule = readonly [pattern: RegExp, type: FailureType, message: string, advice: string];

/** In their order: an error of the server behind ssh also says that the repository cannot be read. */
const RULES: readonly Rule[] = [
  [
    /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|No \S+ host key is known/,
    FailureType.Forbidden,
    'the host key of the server is not the one in knownHostsFile',
    'compare the key with the server, then write it to the file: `ssh-keyscan HOST`',
  ],
  [
    /Permission denied \(|Authentication failed|could not read (Username|Password)|returned error: 40[13]|HTTP (401|403)|Bad owner or permissions|UNPROTECTED PRIVATE KEY/,
    FailureType.Forbidden,
    'the server refuses the credentials',
    'check the token or the ssh key, and what they may do there',
  ],
  [
    /pre-receive hook declined|protected branch|hook declined|denied by/i,
    FailureType.Forbidden,
    'the server refuses the push',
    'change its rules, or the branch',
  ],
  [
    /SSL certificate problem|server certificate verification failed|certificate verify failed|unable to get local issuer/i,
    FailureType.Forbidden,
    'the certificate of the server is not trusted',
    'name the authority that signed it with caFile',
  ],
  [
    /repository .* not found|does not appear to be a git repository|returned error: 404|Repository not found/i,
    FailureType.NotFound,
    'there is no such repository',
    'check its URL; Holdfast does not make repositories',
  ],
  [
    /dubious ownership/,
    FailureType.Forbidden,
    'the repository belongs to another user',
    'its hooks would run with the rights of the worker: give it to the user of the worker',
  ],
  [
    /mismatched algorithms|unsupported object format/,
    FailureType.BadInput,
    'the repository has another object format than SHA-1',
    'use one with SHA-1',
  ],
];

const BROKEN =
  /not a git repository|bad object|object file .* is empty|is corrupt|missing (blob|tree|commit)|unable to read (tree|sha1)|Unable to create '.*\.lock'|packfile .* (cannot|does not|is)|bad config|invalid object|bad tree|Could not read [0-9a-f]{40}|cannot lock ref/;

/** `Counting objects: 50% (1/2)`, `Enumerating objects: 5, done.`, `Total 3 (delta 0), reused ...` */
const PROGRESS = /^[A-Z][\w -]*: +\d+(%|$|, done)|^Total \d+ \(delta/;

/** What git's words mean, as one line. What the server said is repeated where it is for people. */
export function gitFailure({ where, stderr, secrets }: FailedGit): Error {
  const words = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), stderr);
  const own = linesOf(words).filter((line) => !line.startsWith('remote:'));
  if (own.some((line) => BROKEN.test(line))) return new BrokenClone(briefly(own.join(' ')));
  const said = linesOf(words)
    .filter((line) => line.startsWith('remote:'))
    .map((line) => line.slice('remote:'.length).trim())
    .filter((line) => line !== '' && !PROGRESS.test(line));
  const rule = RULES.find(([pattern]) => own.some((line) => pattern.test(line)));
  if (!rule) {
    return new HoldfastError(FailureType.Unavailable, `${where}: git says: ${briefly([...said, ...reasons(own)].join(' ')) || 'nothing'}`, {
      advice: 'see whether the server can be reached from the machine of the worker',
    });
  }
  const [, type, message, advice] = rule;
  return new HoldfastError(type, `${where}: ${message}${said.length === 0 ? '' : `: ${briefly(said.join(' '))}`}`, { advice });
}

function linesOf(text: string): readonly string[] {
  return text.split(/[\r\n]+/).map((line) => line.trim());
}

/** Where some lines say why, the others only say what follows from it. */
function reasons(lines: readonly string[]): readonly string[] {
  const telling = lines.filter((line) => /^(fatal|error|ssh|kex)/.test(line) && !/Could not read from remote repository/.test(line));
  return telling.length > 0 ? telling : lines.filter((line) => !PROGRESS.test(line));
}
