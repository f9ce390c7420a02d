import { z } from 'zod';
import { fieldPathProblem } from '../domain/git/field-rules.ts';
import { branchProblem } from '../domain/git/branch-name.ts';
import { SecretSource } from './secret-sources.ts';

const text = z.string().min(1);
const fieldPath = text.superRefine((path, context) => {
  const problem = fieldPathProblem(path);
  if (problem !== '') context.addIssue({ code: 'custom', message: problem });
});
const branch = text.superRefine((name, context) => {
  const problem = branchProblem(name);
  if (problem !== '') context.addIssue({ code: 'custom', message: problem });
});

/** A Git repository that holds the state of clusters: an entry of `gitRemotes` in the configuration file. docs/git.md explains each setting. */
export const GitRemoteSettings = z
  .strictObject({
    name: text.regex(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/, 'is no name: use lower-case letters, digits, "-" and "."'),
    /** `https://`, `ssh://`, `user@host:path`, `file://` or an absolute path. */
    url: text,
    /** Absent: one branch a cluster, called as the cluster is. */
    branch: branch.optional(),
    token: SecretSource.optional(),
    /** Beside the token; servers that know whose it is ignore it. */
    username: text.optional(),
    sshKeyFile: text.optional(),
    knownHostsFile: text.optional(),
    caFile: text.optional(),
    /** `Name <address>` of the commits. */
    author: text.regex(/^[^<>\n]+ <[^<>\n]*>$/, 'is not of the form Name <address>').default('Holdfast <holdfast@localhost>'),
    secrets: z.enum(['omit', 'encrypt']).default('omit'),
    /** Values of Helm releases, which may hold secrets; absent: as `secrets`. */
    helmValues: z.enum(['omit', 'encrypt', 'plain']).optional(),
    /** age recipients of what is encrypted. */
    recipients: z.array(text.startsWith('age1', 'is no age recipient')).default([]),
    /** age identities that open them: for restores, and to see without a memory whether one has changed. */
    identity: SecretSource.optional(),
    /** The server is given up when nothing has moved for so long. */
    silenceSeconds: z.number().int().min(1).max(1_800).default(120),
    /** Kinds that are not in Git, named as in selections; `releases.helm.sh` for Helm releases. */
    ignoreKinds: z.array(text).default([]),
    /** Fields that are not in Git. */
    rules: z.array(z.strictObject({ kinds: z.array(text).min(1), fields: z.array(fieldPath).min(1) })).default([]),
  })
  .superRefine(({ secrets, helmValues, recipients, url, sshKeyFile, knownHostsFile, token }, context) => {
    const complain = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    if (recipients.length === 0 && [secrets, helmValues].includes('encrypt')) complain('recipients', 'is needed to encrypt anything');
    const isSsh = url.startsWith('ssh://') || (!url.includes('://') && !url.startsWith('/'));
    if (isSsh && (sshKeyFile === undefined || knownHostsFile === undefined))
      complain('sshKeyFile', 'and knownHostsFile are needed for ssh');
    if (token !== undefined && !/^https?:/.test(url)) complain('token', 'is for https:// only');
    if (/["\n]/.test(knownHostsFile ?? '')) complain('knownHostsFile', 'is no path');
  });
export type GitRemoteSettings = z.infer<typeof GitRemoteSettings>;
