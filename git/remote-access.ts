import { fileURLToPath } from 'node:url';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** How to reach one remote. Secrets are values here: they go into a child's environment and nowhere else. */
export interface RemoteAccess {
  readonly url: string;
  readonly token?: string;
  readonly username?: string;
  readonly sshKeyFile?: string;
  readonly knownHostsFile?: string;
  readonly caFile?: string;
}

type Protocol = 'https' | 'http' | 'ssh' | 'file';

const CONNECT_SECONDS = 20;
/** Git is ended before it ends by itself. It does so when nobody is there any more to end it: a worker that was killed. */
const LATER_SECONDS = 10;

/** How a URL is reached; `BadInput` for those that Holdfast does not take. */
export function protocolOf(url: string): Protocol {
  if (url.startsWith('/')) return 'file';
  const scheme = /^([a-z][a-z0-9+]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'file') return 'file';
  if (scheme === 'https' || scheme === 'http' || scheme === 'ssh') return checkedServer(url, scheme);
  if (scheme === undefined && /^([A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!\/\/)[^\s]+$/.test(url)) return 'ssh';
  throw new HoldfastError(FailureType.BadInput, `"${withoutUserinfo(url)}" is no URL of a Git repository`, {
    advice: 'write https://host/path, ssh://user@host/path, user@host:path or an absolute path',
  });
}

function checkedServer(url: string, scheme: 'https' | 'http' | 'ssh'): Protocol {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new HoldfastError(FailureType.BadInput, `"${withoutUserinfo(url)}" is no URL`);
  }
  const named = scheme === 'ssh' ? parsed.password !== '' : `${parsed.username}${parsed.password}` !== '';
  if (named) {
    throw new HoldfastError(FailureType.BadInput, `${withoutUserinfo(url)}: the URL holds credentials`, {
      advice: 'leave them out of the URL and name them as token and username',
    });
  }
  if (parsed.hostname === '' || parsed.hostname.startsWith('-')) throw new HoldfastError(FailureType.BadInput, `"${url}" names no host`);
  if (scheme === 'http' && !['127.0.0.1', 'localhost', '[::1]'].includes(parsed.hostname)) {
    throw new HoldfastError(FailureType.BadInput, `${url}: content and token would travel in plain text`, { advice: 'use https://' });
  }
  return scheme;
}

/** For messages. */
export function withoutUserinfo(url: string): string {
  return url.replace(/^([a-z][a-z0-9+]*:\/\/)[^/@]*:[^/@]*@/i, '$1').replace(/^(https?:\/\/)[^/@]*@/i, '$1');
}

/** What Git is given as the address. */
export function addressOf({ url }: RemoteAccess): string {
  return url.startsWith('file:') ? fileURLToPath(url) : url;
}

/** Settings of every call: one protocol, nothing of the user's, no hooks, no helpers. `silenceMs`: how long a server may be silent. */
export function gitSettings(access: RemoteAccess, silenceMs: number): readonly string[] {
  const settings = {
    'protocol.allow': 'never',
    [`protocol.${protocolOf(access.url)}.allow`]: 'always',
    'core.hooksPath': '/dev/null',
    'credential.helper': '',
    'http.followRedirects': 'false',
    'http.lowSpeedLimit': '1',
    'http.lowSpeedTime': String(Math.ceil(silenceMs / 1_000) + LATER_SECONDS),
    'gc.autoDetach': 'false',
    ...(access.caFile === undefined ? {} : { 'http.sslCAInfo': access.caFile }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** The whole environment of a call. `home` is a folder in which there is nothing. */
export function gitEnvironment(access: RemoteAccess, home: string): Record<string, string> {
  const { token, username = 'holdfast' } = access;
  const credentials = token === undefined ? '' : Buffer.from(`${username}:${token}`).toString('base64');
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: home,
    XDG_CONFIG_HOME: home,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    ...(token === undefined
      ? {}
      : {
          GIT_CONFIG_COUNT: '1',
          GIT_CONFIG_KEY_0: `http.${access.url}.extraHeader`,
          GIT_CONFIG_VALUE_0: `Authorization: Basic ${credentials}`,
        }),
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: 'true',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_SSH_VARIANT: 'ssh',
    GIT_SSH_COMMAND: sshCommand(access),
  };
}

/** Texts that must not appear in messages. */
export function secretsOf({ token, username = 'holdfast' }: RemoteAccess): readonly string[] {
  return token === undefined ? [] : [token, Buffer.from(`${username}:${token}`).toString('base64')];
}

/** Git hands it to a shell. */
function sshCommand({ sshKeyFile, knownHostsFile }: RemoteAccess): string {
  const options = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile="${knownHostsFile ?? '/dev/null'}"`,
    'GlobalKnownHostsFile=/dev/null',
    `ConnectTimeout=${CONNECT_SECONDS}`,
    'ServerAliveInterval=15',
    'ServerAliveCountMax=4',
    'ForwardAgent=no',
    'ClearAllForwardings=yes',
  ];
  const identity = sshKeyFile === undefined ? [] : ['-i', sshKeyFile];
  return ['ssh', '-F', '/dev/null', ...identity, ...options.flatMap((option) => ['-o', option])].map(quoted).join(' ');
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
