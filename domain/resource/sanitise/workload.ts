import type { JsonObject } from '../../../contracts/json.ts';
import { changeAt, changeEach, dropAt, field, isObject, without } from '../fields.ts';

/** Labels that the API server makes from the Job's uid and name. */
const UID_LABELS = ['controller-uid', 'batch.kubernetes.io/controller-uid'];
const NAME_LABELS = ['job-name', 'batch.kubernetes.io/job-name'];

/**
 * Job: selector and template labels that bind it to its old uid go (the server makes new ones), unless the user manages the selector.
 * The labels with the Job's name go from the template only, where the server writes them; the Job's own labels stay.
 */
export function sanitiseJob(job: JsonObject): JsonObject {
  if (field(job, 'spec', 'manualSelector') === true) return job;
  const selectorless = dropAt(job, ['spec', 'selector', 'matchLabels'], UID_LABELS);
  const unbound = changeAt(selectorless, ['spec', 'selector'], (selector) =>
    isObject(selector) && Object.keys(selector).length === 0 ? undefined : selector,
  );
  const own = dropAt(unbound, ['metadata', 'labels'], UID_LABELS);
  return dropAt(own, ['spec', 'template', 'metadata', 'labels'], [...UID_LABELS, ...NAME_LABELS]);
}

/** StatefulSet: claim templates carry a status and a creation time that mean nothing. Claims themselves are objects of their own. */
export function sanitiseStatefulSet(set: JsonObject): JsonObject {
  return changeEach(set, ['spec', 'volumeClaimTemplates'], (claim) =>
    changeAt(without(claim, ['status']), ['metadata'], (metadata) =>
      isObject(metadata) ? without(metadata, ['creationTimestamp']) : metadata,
    ),
  );
}

/** Deployment and DaemonSet: the rollout counter belongs to the controller, which counts anew. */
export function sanitiseRollout(workload: JsonObject): JsonObject {
  return dropAt(workload, ['metadata', 'annotations'], ['deployment.kubernetes.io/revision', 'deprecated.daemonset.template.generation']);
}
