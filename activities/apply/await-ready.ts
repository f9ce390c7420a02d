import type { AwaitReadyInput } from '../../contracts/activities.ts';
import type { JsonObject } from '../../contracts/json.ts';
import type { Issue } from '../../contracts/outcome.ts';
import { RestoreAction } from '../../contracts/restore.ts';
import { mapNamespace } from '../../domain/plan/mapping.ts';
import { planObject } from '../../domain/plan/restore-plan.ts';
import { listAt, objectAt, textAt } from '../../domain/resource/fields.ts';
import { resourceKey } from '../../domain/resource/identity.ts';
import type { Pulse } from '../heartbeat.ts';
import {
  awaitCrdsEstablished,
  awaitNamespacesActive,
  awaitWebhookBackends,
  type NotReady,
  type WaitOptions,
} from '../../kubernetes/readiness.ts';
import { readObjects, type RestoreSession } from './restore-session.ts';

const CRDS = 'customresourcedefinitions.apiextensions.k8s.io';
const WEBHOOK_KINDS = [
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
];

/** Waits for what the next wave depends on. What is not ready in time is a warning: the objects that need it will say so themselves. */
export async function awaitReady(session: RestoreSession, { restore, wave }: AwaitReadyInput, pulse: Pulse): Promise<readonly Issue[]> {
  const { cluster } = session;
  const wait: WaitOptions = {
    timeoutMs: restore.options.readinessTimeoutMs,
    signal: pulse.signal,
    heartbeat: () => {
      pulse.beat();
    },
  };
  switch (wave.awaits) {
    case 'nothing':
      return [];
    case 'crds-established':
      return notes('CustomResourceDefinition', await awaitCrdsEstablished(cluster, await namesIn(session, wave.wave, CRDS), wait));
    case 'namespaces-active': {
      const captured = await namesIn(session, wave.wave, 'namespaces');
      const mapped = captured.map((name) => mapNamespace(restore.options.namespaceMapping, name));
      return notes('Namespace', await awaitNamespacesActive(cluster, mapped, wait));
    }
    case 'webhook-backends':
      return notes('webhook service', await awaitWebhookBackends(cluster, await webhookServices(session, pulse.signal), wait));
  }
}

/** The selected objects of a kind in a wave. */
async function namesIn(session: RestoreSession, wave: number, kind: string): Promise<readonly string[]> {
  const segments = session.ordered.filter((segment) => segment.wave === wave && resourceKey(segment.type) === kind);
  const names: string[] = [];
  for await (const objects of readObjects(session.repository, segments)) {
    for (const { object, type } of objects) {
      if (session.context.selection.takes(object, type)) names.push(textAt(object, 'metadata', 'name'));
    }
  }
  return names;
}

/** The services (`namespace/name`) behind the webhooks that this restore will bring, where they will be. */
async function webhookServices(session: RestoreSession, signal: AbortSignal): Promise<readonly string[]> {
  const segments = session.ordered.filter(({ type }) => WEBHOOK_KINDS.includes(resourceKey(type)));
  const services = new Set<string>();
  for await (const objects of readObjects(session.repository, segments, signal)) {
    const plans = objects.map(({ object, type }) => planObject({ captured: object, type, live: undefined, context: session.context }));
    const coming = plans.filter((plan) => plan?.action === RestoreAction.Create);
    for (const service of coming.flatMap((plan) => backends(plan?.desired ?? {}))) services.add(service);
  }
  return [...services];
}

function backends(configuration: JsonObject): readonly string[] {
  return listAt(configuration, 'webhooks')
    .map((webhook) => objectAt(webhook, 'clientConfig', 'service'))
    .filter((service) => textAt(service, 'name') !== '')
    .map((service) => `${textAt(service, 'namespace')}/${textAt(service, 'name')}`);
}

function notes(what: string, late: readonly NotReady[]): readonly Issue[] {
  return late.map(({ name, reason }) => ({ code: 'NotReady', message: `${what} ${name} is not ready: ${reason}` }));
}
