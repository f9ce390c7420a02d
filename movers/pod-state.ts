import type { JsonObject } from '../contracts/json.ts';
import { field, isObject, listAt, textAt } from '../domain/resource/fields.ts';
import { numberAt } from './restic-output.ts';

/** Where the one container of a pod stands. */
export type PodState =
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'running' }
  /** Restic ended by itself, with this code. */
  | { readonly kind: 'ended'; readonly code: number }
  /** The pod ended before restic did: killed, evicted, its node gone. */
  | { readonly kind: 'lost'; readonly reason: string };

/** Codes above this are signals, as shells report them. */
const SIGNALS = 128;

/** What a pod's status says. */
export function podState(pod: JsonObject): PodState {
  const status = listAt(pod, 'status', 'containerStatuses')[0];
  const terminated = field(status, 'state', 'terminated');
  const phase = textAt(pod, 'status', 'phase');
  if (isObject(terminated)) {
    const code = numberAt(terminated, 'exitCode');
    if (code <= SIGNALS) return { kind: 'ended', code };
    return { kind: 'lost', reason: explain(textAt(terminated, 'reason'), textAt(terminated, 'message')) || `it ended with code ${code}` };
  }
  if (phase === 'Failed' || phase === 'Succeeded') {
    return { kind: 'lost', reason: explain(textAt(pod, 'status', 'reason'), textAt(pod, 'status', 'message')) || `the pod is ${phase}` };
  }
  if (isObject(field(status, 'state', 'running'))) return { kind: 'running' };
  return { kind: 'waiting', reason: whyWaiting(pod, status as JsonObject | undefined) };
}

/** '' when the pod does not say. */
function whyWaiting(pod: JsonObject, status: JsonObject | undefined): string {
  const waiting = field(status, 'state', 'waiting');
  const ofContainer = explain(textAt(waiting, 'reason'), textAt(waiting, 'message'));
  // Says nothing: the reason is in an event then.
  if (ofContainer !== '' && !ofContainer.startsWith('ContainerCreating') && !ofContainer.startsWith('PodInitializing')) return ofContainer;
  const unmet = listAt(pod, 'status', 'conditions').find(
    (condition) => textAt(condition, 'type') === 'PodScheduled' && textAt(condition, 'status') === 'False',
  );
  return explain(textAt(unmet, 'reason'), textAt(unmet, 'message'));
}

function explain(reason: string, message: string): string {
  return [reason, message].filter((text) => text !== '').join(': ');
}
