import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isScalar, LineCounter, parseDocument, visit, type YAMLError } from 'yaml';
import type { z } from 'zod';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { kubeconfigSchema, type Kubeconfig, type KubeconfigUser } from './kubeconfig-schema.ts';

/**
 * Reads one kubeconfig, in YAML or JSON; the paths in it come back absolute, counted from the file's folder. `Forbidden` when it cannot be
 * read, `BadInput`, with the line or the field but nothing of the content, when it is malformed.
 */
export async function readKubeconfig(file: string): Promise<Kubeconfig> {
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new HoldfastError(FailureType.Forbidden, `the kubeconfig ${file} cannot be read`, {
      advice: 'check its permissions',
      cause: error,
    });
  });
  const checked = kubeconfigSchema.safeParse(parseYaml(file, content));
  if (!checked.success) throw malformed(file, describeIssue(checked.error));
  return withAbsolutePaths(checked.data, dirname(file));
}

function parseYaml(file: string, content: string): unknown {
  const lines = new LineCounter();
  // YAML 1.1, which kubectl reads, merges `<<`. The library's pretty errors quote the text.
  const document = parseDocument(content, { merge: true, prettyErrors: false, lineCounter: lines });
  const [error] = document.errors;
  if (error) throw malformed(file, `line ${lines.linePos(error.pos[0]).line} ${SYNTAX_PROBLEMS[error.code] ?? 'is not valid YAML'}`);
  keepAsWritten(document);
  try {
    return document.toJS() as unknown;
  } catch {
    throw malformed(file, 'an alias in it has no anchor, or is used too often');
  }
}

const SYNTAX_PROBLEMS: Partial<Record<YAMLError['code'], string>> = {
  DUPLICATE_KEY: 'has a key for the second time',
  MULTIPLE_DOCS: 'begins a second document',
};

/** A token of digits is text, digit by digit; whereas what an extension holds is passed on to a plugin with its types. */
function keepAsWritten(document: ReturnType<typeof parseDocument>): void {
  visit(document, {
    Pair: (_key, pair) => (isScalar(pair.key) && pair.key.value === 'extensions' ? visit.SKIP : undefined),
    Scalar: (_key, scalar) => {
      if (scalar.value !== null) scalar.value = typeof scalar.value === 'string' ? scalar.value : scalar.source;
    },
  });
}

/** `users[0].user.token is not text`: the field and what is wrong with it, in the schema's words. */
function describeIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  if (!issue || issue.path.length === 0) return 'it is not a kubeconfig';
  const field = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return `${field.slice(1)} ${issue.message}`;
}

function malformed(file: string, detail: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `the kubeconfig ${file} is malformed: ${detail}`, { advice: 'see `kubectl config view`' });
}

function withAbsolutePaths(config: Kubeconfig, folder: string): Kubeconfig {
  const path = (given: string): string => (given === '' ? '' : resolve(folder, given));
  const clusters = config.clusters.map(({ name, cluster }) => ({
    name,
    cluster: { ...cluster, 'certificate-authority': path(cluster['certificate-authority']) },
  }));
  return { ...config, clusters, users: config.users.map(({ name, user }) => ({ name, user: withAbsoluteUser(user, path) })) };
}

function withAbsoluteUser(user: KubeconfigUser, path: (given: string) => string): KubeconfigUser {
  const { exec, 'auth-provider': provider } = user;
  const authority = provider?.config['idp-certificate-authority'] ?? '';
  return {
    ...user,
    'client-certificate': path(user['client-certificate']),
    'client-key': path(user['client-key']),
    tokenFile: path(user.tokenFile),
    // A bare name is looked up in PATH.
    exec: exec?.command.includes('/') ? { ...exec, command: path(exec.command) } : exec,
    'auth-provider': provider && { ...provider, config: { ...provider.config, 'idp-certificate-authority': path(authority) } },
  };
}
