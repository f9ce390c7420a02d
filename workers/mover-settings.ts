import { z } from 'zod';
import type { JsonObject } from '../contracts/json.ts';

const text = z.string().min(1);
/** As Kubernetes has it; the API server checks it. */
const asKubernetes = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'is not an object',
);

/** What the pods that move volume data look like: `movers` in the configuration file. */
export const MoverSettings = z.strictObject({
  /** With restic 0.18 or newer, a shell, find, stat and awk. */
  image: text.default('restic/restic:0.18.1'),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).exactOptional(),
  imagePullSecrets: z.array(text).exactOptional(),
  resources: asKubernetes.exactOptional(),
  priorityClassName: text.exactOptional(),
  nodeSelector: z.record(text, z.string()).exactOptional(),
  tolerations: z.array(asKubernetes).exactOptional(),
  serviceAccount: text.exactOptional(),
  runtimeClassName: text.exactOptional(),
  securityContext: asKubernetes.exactOptional(),
  hostNetwork: z.boolean().exactOptional(),
  labels: z.record(text, z.string()).exactOptional(),
  annotations: z.record(text, z.string()).exactOptional(),
  hostAliases: z.array(asKubernetes).exactOptional(),
  /** For `file://` locations: a volume of the pods that holds that folder. */
  location: z.strictObject({ path: text.startsWith('/', 'is no absolute path'), volume: asKubernetes }).exactOptional(),
});
export type MoverSettings = z.infer<typeof MoverSettings>;
