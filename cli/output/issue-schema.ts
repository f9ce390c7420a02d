import { z } from 'zod';

/** Something that went wrong or that the user should know. */
export const Issue = z.object({
  code: z.string(),
  message: z.string(),
  object: z.object({ apiVersion: z.string(), kind: z.string(), namespace: z.string(), name: z.string() }).optional(),
  advice: z.string().optional(),
});
