import { z } from 'zod';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { Json, JsonObject } from '../contracts/json.ts';
import { compileGlobs } from '../domain/selection/glob.ts';
import { matchesLabels, parseLabelSelector } from '../domain/selection/label-selector.ts';
import { objectAt, textAt } from '../domain/resource/fields.ts';
import { wholeSeconds } from '../domain/time/duration.ts';
import { HOOK_TIMEOUT_S, type Hook, type HookPhase } from './hooks.ts';

/** Hooks for all pods that a backup meets, as in `spec.hooks.resources` of a Velero Backup. */
export interface HookRule {
  readonly name: string;
  /** Globs; empty for every namespace. */
  readonly includedNamespaces: readonly string[];
  readonly excludedNamespaces: readonly string[];
  /** Label selector; '' for every pod. */
  readonly labelSelector: string;
  readonly pre: readonly Hook[];
  readonly post: readonly Hook[];
}

const TEXTS = z.array(z.string()).default([]);
const EXEC = z.strictObject({
  container: z.string().default(''),
  command: z.array(z.string()).min(1),
  onError: z.enum(['Fail', 'Continue']).default('Fail'),
  timeout: z.string().default(`${HOOK_TIMEOUT_S}s`),
});
const HOOKS = z.array(z.strictObject({ exec: EXEC })).default([]);
const SELECTOR = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).default({}),
  matchExpressions: z
    .array(z.strictObject({ key: z.string(), operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']), values: TEXTS }))
    .default([]),
});
const RULE = z.strictObject({
  name: z.string().default(''),
  includedNamespaces: TEXTS,
  excludedNamespaces: TEXTS,
  includedResources: TEXTS,
  excludedResources: TEXTS,
  labelSelector: SELECTOR.nullish(),
  pre: HOOKS,
  post: HOOKS,
});
const DOCUMENT = z.strictObject({ resources: z.array(RULE).default([]) });

/** Reads `spec.hooks` of a Velero Backup. Rules that leave pods out do nothing, as in Velero. `BadInput` says what is wrong where. */
export function parseHookRules(document: Json): readonly HookRule[] {
  const parsed = DOCUMENT.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw wrong(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it cannot be read'}`);
  }
  return parsed.data.resources.filter(takesPods).map((rule) => ({
    name: rule.name,
    includedNamespaces: rule.includedNamespaces.includes('*') ? [] : rule.includedNamespaces,
    excludedNamespaces: rule.excludedNamespaces,
    labelSelector: selectorText(rule.labelSelector ?? undefined),
    pre: rule.pre.map(({ exec }) => readHook(exec)),
    post: rule.post.map(({ exec }) => readHook(exec)),
  }));
}

/** The hooks of every rule that applies to the pod, in the order of the rules. */
export function ruledHooks(rules: readonly HookRule[], pod: JsonObject, phase: HookPhase): readonly Hook[] {
  const namespace = textAt(pod, 'metadata', 'namespace');
  const labels = objectAt(pod, 'metadata', 'labels');
  return rules
    .filter(
      (rule) =>
        (rule.includedNamespaces.length === 0 || compileGlobs(rule.includedNamespaces)(namespace)) &&
        !compileGlobs(rule.excludedNamespaces)(namespace) &&
        matchesLabels(parseLabelSelector(rule.labelSelector), labels),
    )
    .flatMap((rule) => rule[phase]);
}

function takesPods({ includedResources, excludedResources }: z.infer<typeof RULE>): boolean {
  const names = (list: readonly string[]) => list.some((name) => ['*', 'pods', 'pod', 'po'].includes(name.toLowerCase()));
  return (includedResources.length === 0 || names(includedResources)) && !names(excludedResources);
}

function selectorText(selector: z.infer<typeof SELECTOR> | undefined): string {
  if (!selector) return '';
  const equal = Object.entries(selector.matchLabels).map(([key, value]) => `${key}=${value}`);
  const sets = selector.matchExpressions.map(({ key, operator, values }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
  });
  const text = [...equal, ...sets].join(',');
  try {
    parseLabelSelector(text);
  } catch (error) {
    throw wrong(`labelSelector: ${error instanceof Error ? error.message : String(error)}`);
  }
  return text;
}

function readHook({ container, command, onError, timeout }: z.infer<typeof EXEC>): Hook {
  const timeoutSeconds = timeout === '0' || timeout === '0s' ? HOOK_TIMEOUT_S : wholeSeconds(timeout, 'timeout of a hook');
  return { container, command, onError: onError === 'Fail' ? 'fail' : 'continue', timeoutSeconds };
}

function wrong(problem: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `hooks: ${problem}`, { advice: 'write them as in spec.hooks of a Velero Backup' });
}
