import { z } from 'zod';

/** What of a cluster or a backup is taken. */
export const Selection = z.object({
  includedNamespaces: z.array(z.string()),
  excludedNamespaces: z.array(z.string()),
  includedResources: z.array(z.string()),
  excludedResources: z.array(z.string()),
  labelSelector: z.string(),
  orLabelSelectors: z.array(z.string()),
  clusterResources: z.enum(['auto', 'include', 'exclude']),
  objects: z.array(z.string()),
});
