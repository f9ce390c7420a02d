import { z } from 'zod';

/** Parts of the schemas that are about hooks. */
const Scope = {
  name: z.string(),
  includedNamespaces: z.array(z.string()),
  excludedNamespaces: z.array(z.string()),
  labelSelector: z.string(),
};
const Command = { container: z.string(), command: z.array(z.string()), onError: z.enum(['fail', 'continue']) };
const Hook = z.object({ ...Command, timeoutSeconds: z.number() });

export const BackupHooks = z.array(z.object({ ...Scope, pre: z.array(Hook), post: z.array(Hook) }));
export const RestoreHooks = z.array(
  z.object({
    ...Scope,
    commands: z.array(z.object({ ...Command, execSeconds: z.number(), waitSeconds: z.number(), waitForReady: z.boolean() })),
    initContainers: z.array(z.looseObject({ name: z.string(), image: z.string() })),
  }),
);
export const HookCounts = z.object({ attempted: z.int(), failed: z.int() });
