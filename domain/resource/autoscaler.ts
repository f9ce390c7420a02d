import type { ResourceType } from '../../contracts/resource.ts';

/** Kubernetes' own. What others drive (KEDA) makes objects of this kind, too. */
export const AUTOSCALERS: ResourceType = {
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  resource: 'horizontalpodautoscalers',
  namespaced: true,
};
