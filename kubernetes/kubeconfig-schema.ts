import { z } from 'zod';

/**
 * The shape of a kubeconfig (`Config` of v1), its names as in the file. As in kubectl: what is absent or null is empty, what is unknown is
 * ignored, and two entries of one list must not share a name. Complaints name no value, for a value may be a secret.
 */

const problem = (expected: string) => (issue: { readonly input?: unknown }) =>
  issue.input === undefined ? 'is missing' : `is not ${expected}`;

const string = z.string({ error: problem('text') });
const text = string.nullish().transform((value) => value ?? '');
const flag = z
  .stringbool({ truthy: ['true', 'yes', 'on'], falsy: ['false', 'no', 'off'], error: problem('true or false') })
  .nullish()
  .transform((value) => value ?? false);
const base64 = text.refine((value) => /^[A-Za-z0-9+/]*={0,2}$/.test(value.replace(/\s/g, '')), { error: 'is not base64' });

function list<Item extends z.ZodType>(item: Item) {
  return z
    .array(item, { error: problem('a list') })
    .nullish()
    .transform((value) => value ?? []);
}

function object<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.object(shape, { error: problem('an object') });
}

function map<Value extends z.ZodType>(value: Value) {
  return z
    .record(z.string(), value, { error: problem('an object') })
    .nullish()
    .transform((given) => given ?? {});
}

function named<Entry extends z.ZodType<{ readonly name: string }>>(entry: Entry) {
  return list(entry).superRefine((entries, context) => {
    const names = new Set<string>();
    for (const [index, { name }] of entries.entries()) {
      if (names.has(name)) context.addIssue({ code: 'custom', path: [index, 'name'], message: 'is there twice' });
      names.add(name);
    }
  });
}

const cluster = object({
  server: text,
  'tls-server-name': text,
  'insecure-skip-tls-verify': flag,
  'certificate-authority': text,
  'certificate-authority-data': base64,
  'proxy-url': text,
  'disable-compression': flag,
  extensions: list(object({ name: text, extension: z.unknown().optional() })),
});

const exec = object({
  apiVersion: text,
  command: text,
  args: list(string),
  env: list(object({ name: string, value: text })),
  installHint: text,
  provideClusterInfo: flag,
  interactiveMode: text,
});

const user = object({
  'client-certificate': text,
  'client-certificate-data': base64,
  'client-key': text,
  'client-key-data': base64,
  token: text.transform((token) => token.trim()),
  tokenFile: text,
  username: text,
  password: text,
  as: text,
  'as-uid': text,
  'as-groups': list(string),
  'as-user-extra': map(list(string)),
  'auth-provider': object({ name: text, config: map(text) }).nullish(),
  exec: exec.nullish(),
});

const context = object({ cluster: text, user: text, namespace: text });

export const kubeconfigSchema = object({
  kind: text.refine((kind) => kind === '' || kind === 'Config', { error: 'is not Config' }),
  'current-context': text,
  clusters: named(object({ name: string, cluster: cluster.nullish().transform((value) => value ?? cluster.parse({})) })),
  users: named(object({ name: string, user: user.nullish().transform((value) => value ?? user.parse({})) })),
  contexts: named(object({ name: string, context: context.nullish().transform((value) => value ?? context.parse({})) })),
});

/** The user of a context that names none. */
export const ANONYMOUS: KubeconfigUser = user.parse({});

export type Kubeconfig = z.infer<typeof kubeconfigSchema>;
export type KubeconfigCluster = z.infer<typeof cluster>;
export type KubeconfigUser = z.infer<typeof user>;
export type ExecConfig = z.infer<typeof exec>;
