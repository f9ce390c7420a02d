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
  awaitApisAvailable,
  awaitCrdsEstablished,
  awaitNamespacesActive,
  awaitWebhookBackends,
  type NotReady,
  type WaitOptions,
} from '../../kubernetes/readiness.ts';
import { readObjects, type RestoreSession } from './restore-session.ts';

const CRDS = 'customresourcedefinitions.apiextensions.k8s.io';
const API_SERVICES = 'apiservices.apiregistration.k8s.io';
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
    case 'custom-apis-served': {
      const definitions = await coming(session, [CRDS], pulse.signal);
      const services = await coming(session, [API_SERVICES], pulse.signal);
      const names = services.map((service) => textAt(service, 'metadata', 'name'));
      return [
        ...notes('conversion webhook service', await awaitWebhookBackends(cluster, definitions.flatMap(converters), wait)),
        ...notes('APIService', await awaitApisAvailable(cluster, names, wait)),
      ];
    }
    case 'webhook-backends': {
      const webhooks = await coming(session, WEBHOOK_KINDS, pulse.signal);
      return notes('webhook service', await awaitWebhookBackends(cluster, webhooks.flatMap(backends), wait));
    }
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

/** The objects of some kinds that this restore brings, as they will be. */
async function coming(session: RestoreSession, kinds: readonly string[], signal: AbortSignal): Promise<readonly JsonObject[]> {
  const segments = session.ordered.filter(({ type }) => kinds.includes(resourceKey(type)));
  const found: JsonObject[] = [];
  for await (const objects of readObjects(session.repository, segments, signal)) {
    const plans = objects.map(({ object, type }) => planObject({ captured: object, type, live: undefined, context: session.context }));
    found.push(...plans.flatMap((plan) => (plan?.action === RestoreAction.Create ? [plan.desired ?? {}] : [])));
  }
  return found;
}

/** The services (`namespace/name`) behind a webhook configuration. */
function backends(configuration: JsonObject): readonly string[] {
  return named(listAt(configuration, 'webhooks').map((webhook) => objectAt(webhook, 'clientConfig', 'service')));
}

/** The service that converts objects of a definition between their versions. */
function converters(definition: JsonObject): readonly string[] {
  return named([objectAt(definition, 'spec', 'conversion', 'webhook', 'clientConfig', 'service')]);
}

function named(references: readonly JsonObject[]): readonly string[] {
  return references
    .filter((service) => textAt(service, 'name') !== '')
    .map((service) => `${textAt(service, 'namespace')}/${textAt(service, 'name')}`);
}

function notes(what: string, late: readonly NotReady[]): readonly Issue[] {
  return late.map(({ name, reason }) => ({ code: 'NotReady', message: `${what} ${name} is not ready: ${reason}` }));
}
