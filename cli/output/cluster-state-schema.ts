import { z } from 'zod';

const EtcdAccess = z.object({
  endpoints: z.array(z.string()),
  caFile: z.string().optional(),
  certFile: z.string().optional(),
  keyFile: z.string().optional(),
});

/** Fields of a request: what a backup takes of a cluster beside its objects and volumes. */
export const ClusterStateRequest = {
  etcd: z.object({ access: EtcdAccess.optional(), controlPlaneFiles: z.boolean().optional() }).optional(),
  helm: z.object({ pushTo: z.array(z.string()) }).optional(),
  git: z.array(z.string()).optional(),
};
