import { z } from 'zod';

export const ObjectId = z.object({ apiVersion: z.string(), kind: z.string(), namespace: z.string(), name: z.string() });

/** Something that went wrong or that the user should know. */
export const Issue = z.object({
  code: z.string(),
  message: z.string(),
  object: ObjectId.optional(),
  advice: z.string().optional(),
});
