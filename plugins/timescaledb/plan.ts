import type { JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { objectAt, textAt } from '../../domain/resource/fields.ts';
import type { QuiesceSubject } from '../plugin.ts';
import { containerWithImage } from '../pod-containers.ts';
import { planPostgres } from '../postgres/plan.ts';

const IMAGES: ReadonlySet<string> = new Set(['timescaledb', 'timescaledb-ha']);
const CONTAINER = 'holdfast.dev/postgres-container';

export function isTimescale(pod: JsonObject): boolean {
  return containerWithImage(pod, (image) => IMAGES.has(image)) !== undefined;
}

/** The tasks of PostgreSQL, by the same annotations. */
export function planTimescale(plugin: string, subject: QuiesceSubject): readonly QuiesceTask[] {
  return planPostgres(plugin, { ...subject, pods: subject.pods.map(withContainer) });
}

/** What the image says about the container, said to PostgreSQL's plan, unless an annotation has said it. */
function withContainer(pod: JsonObject): JsonObject {
  const server = containerWithImage(pod, (image) => IMAGES.has(image));
  if (!server) return pod;
  const annotations = { [CONTAINER]: textAt(server, 'name'), ...objectAt(pod, 'metadata', 'annotations') };
  return { ...pod, metadata: { ...objectAt(pod, 'metadata'), annotations } };
}
