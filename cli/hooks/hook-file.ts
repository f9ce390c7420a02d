import { z } from 'zod';
import { HoldfastError } from '../../contracts/failures.ts';
import type { Hook, HookRule, HookScope, RestoreHook, RestoreHookRule } from '../../contracts/hook.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { EXEC_S, WAIT_S } from '../../domain/hooks/restore-hooks.ts';
import { parseLabelSelector } from '../../domain/selection/label-selector.ts';
import { selectorText } from '../../domain/selection/selector-text.ts';
import { wholeSeconds } from '../../domain/time/duration.ts';
import { malformed, readYaml, type UserFile } from '../yaml-file.ts';

/** Velero's. */
const HOOK_TIMEOUT_S = 30;

const TEXTS = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);
/** Go's duration; 0 is the default. */
const seconds = (otherwise: number) =>
  z
    .string()
    .default('0')
    .transform((text, context) => {
      try {
        return text === '0' || text === '0s' ? otherwise : wholeSeconds(text, 'a time');
      } catch (error) {
        context.addIssue({ code: 'custom', message: error instanceof HoldfastError ? error.message : String(error) });
        return z.NEVER;
      }
    });
const Words = z.array(z.string()).min(1);
const EXEC = z.strictObject({
  container: z.string().default(''),
  command: Words,
  onError: z.enum(['Fail', 'Continue']).default('Fail'),
  timeout: seconds(HOOK_TIMEOUT_S),
});
const HOOKS = z.array(z.strictObject({ exec: EXEC })).default([]);
const SELECTOR = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).default({}),
  matchExpressions: z
    .array(z.strictObject({ key: z.string(), operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']), values: TEXTS }))
    .default([]),
});
const SCOPE = {
  name: z.string().default(''),
  includedNamespaces: TEXTS,
  excludedNamespaces: TEXTS,
  includedResources: TEXTS,
  excludedResources: TEXTS,
  labelSelector: SELECTOR.nullish(),
};
type Scope = z.infer<z.ZodObject<typeof SCOPE>>;
const BACKUP_RULE = z.strictObject({ ...SCOPE, pre: HOOKS, post: HOOKS });

const RESTORE_EXEC = z.strictObject({
  container: z.string().default(''),
  command: Words,
  onError: z.enum(['Fail', 'Continue']).default('Fail'),
  execTimeout: seconds(EXEC_S),
  waitTimeout: seconds(WAIT_S),
  waitForReady: z.boolean().default(false),
});
const INIT = z.strictObject({
  initContainers: z.array(z.looseObject({ name: z.string().min(1), image: z.string().min(1) })).min(1),
  /** Velero takes it and does nothing with it: Kubernetes has no such limit. */
  timeout: z.string().optional(),
});
const POST_HOOK = z.union([z.strictObject({ exec: RESTORE_EXEC }), z.strictObject({ init: INIT })], {
  error: 'is neither `exec` with a command nor `init` with initContainers that have a name and an image',
});
const RESTORE_RULE = z.strictObject({ ...SCOPE, postHooks: z.array(POST_HOOK).default([]) });

/** Reads hooks for a backup: `spec.hooks` of a Velero Backup, by itself or in one. `BadInput` says what is wrong where. */
export async function readBackupHooks(path: string): Promise<readonly HookRule[]> {
  const file = fileAt(path);
  const { resources } = check(z.strictObject({ resources: z.array(BACKUP_RULE).default([]) }), await readHooks(file), file);
  return resources.filter(takesPods).map(({ pre, post, ...scope }) => ({
    ...scopeOf(scope, file),
    pre: pre.map(({ exec }) => hookOf(exec)),
    post: post.map(({ exec }) => hookOf(exec)),
  }));
}

/** The same for a restore: `spec.hooks` of a Velero Restore. */
export async function readRestoreHooks(path: string): Promise<readonly RestoreHookRule[]> {
  const file = fileAt(path);
  const { resources } = check(z.strictObject({ resources: z.array(RESTORE_RULE).default([]) }), await readHooks(file), file);
  return resources.filter(takesPods).map(({ postHooks, ...scope }) => ({
    ...scopeOf(scope, file),
    commands: postHooks.flatMap((hook) => ('exec' in hook ? [restoreHookOf(hook.exec)] : [])),
    initContainers: postHooks.flatMap((hook) =>
      'init' in hook ? hook.init.initContainers.map((container) => container as JsonObject) : [],
    ),
  }));
}

function fileAt(path: string): UserFile {
  return {
    path,
    advice: 'write hooks as in spec.hooks of a Velero Backup or Restore; see docs/plugins/exec.md and docs/plugins/restore-hooks.md',
  };
}

const WHOLE = z.looseObject({ spec: z.looseObject({ hooks: z.unknown() }) });
const PART = z.strictObject({ hooks: z.unknown() });

async function readHooks(file: UserFile): Promise<unknown> {
  const document = await readYaml(file);
  const whole = WHOLE.safeParse(document);
  if (whole.success) return whole.data.spec.hooks;
  const part = PART.safeParse(document);
  return part.success ? part.data.hooks : document;
}

function check<T>(schema: z.ZodType<T>, document: unknown, file: UserFile): T {
  const checked = schema.safeParse(document);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw malformed(file, `${issue?.path.join('.') || 'top level'}: ${issue?.message ?? 'is malformed'}`);
}

/** Rules that leave pods out do nothing, as in Velero. */
function takesPods({ includedResources, excludedResources }: Pick<Scope, 'includedResources' | 'excludedResources'>): boolean {
  const names = (list: readonly string[]) => list.some((name) => ['*', 'pods', 'pod', 'po'].includes(name.toLowerCase()));
  return (includedResources.length === 0 || names(includedResources)) && !names(excludedResources);
}

function scopeOf({ name, includedNamespaces, excludedNamespaces, labelSelector }: Scope, file: UserFile): HookScope {
  return {
    name,
    includedNamespaces: includedNamespaces.includes('*') ? [] : includedNamespaces,
    excludedNamespaces,
    labelSelector: checkedSelector(labelSelector ?? undefined, file),
  };
}

function checkedSelector(selector: z.infer<typeof SELECTOR> | undefined, file: UserFile): string {
  const text = selectorText(selector);
  try {
    parseLabelSelector(text);
  } catch (error) {
    throw malformed(file, `labelSelector: ${error instanceof Error ? error.message : String(error)}`);
  }
  return text;
}

function hookOf({ container, command, onError, timeout }: z.infer<typeof EXEC>): Hook {
  return { container, command, onError: onError === 'Fail' ? 'fail' : 'continue', timeoutSeconds: timeout };
}

function restoreHookOf({ container, command, onError, ...times }: z.infer<typeof RESTORE_EXEC>): RestoreHook {
  const { execTimeout, waitTimeout, waitForReady } = times;
  return {
    container,
    command,
    onError: onError === 'Fail' ? 'fail' : 'continue',
    execSeconds: execTimeout,
    waitSeconds: waitTimeout,
    waitForReady,
  };
}
