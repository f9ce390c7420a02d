import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { SCHEMAS } from '../../cli/output/schemas.ts';
import { NodePlace } from '../support/node-place.ts';
import { folderVolume, namespace } from '../support/objects.ts';
import type { PlainObject } from '../support/raw-api.ts';

const SHOP = 'hooked';
const FOLDER = '/var/lib/holdfast-restore-on-node';

let env: NodePlace;

beforeAll(async () => {
  env = await NodePlace.open();
}, 240_000);
afterAll(() => env.close(), 120_000);

const container = (command: string, more: PlainObject = {}): PlainObject => ({
  name: 'main',
  image: 'holdfast/busybox:1',
  imagePullPolicy: 'Never',
  command: ['sh', '-c', `${command}; while :; do sleep 1; done`],
  ...more,
});
const podSpec = (spec: PlainObject): PlainObject => ({ terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, ...spec });
const post = (annotations: Record<string, string>) =>
  Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`post.hook.restore.velero.io/${key}`, value]));

function deployment(name: string, template: PlainObject, replicas = 1, annotations = {}): PlainObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: SHOP, name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name }, annotations }, spec: podSpec(template) },
    },
  };
}

async function describeRestore(name: string) {
  return SCHEMAS['restore-describe'].parse(JSON.parse((await env.hold(`restore describe ${name} -o json`)).stdout));
}

describe('hooks of a restore', () => {
  it('run in every pod that came back, and init containers before its own', async () => {
    const { api } = env.place;
    const share = { volumeMounts: [{ name: 'share', mountPath: '/share' }] };
    const volumes = [{ name: 'share', emptyDir: {} }];
    await api.create(namespace(SHOP));
    await api.create(
      deployment('web', { containers: [container('true', share)], volumes }, 2, {
        ...post({ command: '["sh", "-c", "echo post >>/share/said"]' }),
        'init.hook.restore.velero.io/container-image': 'holdfast/busybox:1',
        'init.hook.restore.velero.io/command': '["sh", "-c", "echo init >>/share/said"]',
      }),
    );
    await api.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace: SHOP,
        name: 'alone',
        labels: { app: 'alone' },
        annotations: post({ command: '["sh", "-c", "echo no >&2; exit 3"]', 'on-error': 'Fail' }),
      },
      spec: podSpec({ containers: [container('true')] }),
    });
    await api.create(
      deployment('ruled', {
        containers: [
          container('sleep 3; touch /tmp/ready', { readinessProbe: { exec: { command: ['test', '-e', '/tmp/ready'] }, periodSeconds: 1 } }),
        ],
      }),
    );
    for (const app of ['web', 'alone', 'ruled']) await env.holds(SHOP, `app=${app}`, 'true');
    expect(await env.hold(`backup create hooked -n ${SHOP}`)).toMatchObject({ code: 0 });
    await api.removeNamespaces(SHOP);

    const rules = {
      resources: [
        {
          labelSelector: { matchLabels: { app: 'ruled' } },
          postHooks: [{ exec: { command: ['sh', '-c', 'test -e /tmp/ready && touch /tmp/hooked'], waitForReady: true } }],
        },
      ],
    };
    const file = join(env.place.folder, 'hooks.yaml');
    await writeFile(file, stringify({ spec: { hooks: rules } }));
    const restored = await env.hold(`restore create back --from-backup hooked --hooks ${file}`);
    expect(restored).toMatchObject({ code: 4, stdout: expect.stringContaining('hooks: 4 run, 1 failed') });
    expect(restored.stdout).toContain('restore hook of hooked/alone: sh ended with exit code 3: no');

    const pods = await env.list(SHOP, 'pods', 'app=web');
    expect(pods).toHaveLength(2);
    for (const pod of pods) {
      const { name = '' } = pod['metadata'] as { readonly name?: string };
      const said = await env.cluster.exec({ namespace: SHOP, pod: name, container: '', command: ['cat', '/share/said'] });
      expect(said.stdout).toBe('init\npost\n');
      expect(pod['metadata']).toMatchObject({ ownerReferences: [{ kind: 'ReplicaSet', controller: true }] });
    }
    const template = await api.get(`/apis/apps/v1/namespaces/${SHOP}/deployments/web`);
    expect(JSON.stringify(template)).not.toContain('holdfast-restore-init');
    await env.sh(SHOP, 'app=ruled', 'test -e /tmp/hooked');
    expect(await describeRestore('back')).toMatchObject({ hooks: { attempted: 4, failed: 1 }, verification: { equal: true } });
  }, 300_000);
});

describe('a restore in place', () => {
  const PLACE = 'in-place';

  it('stops what mounts the volume, keeps its count, and starts it again', async () => {
    const { api } = env.place;
    await api.create(namespace(PLACE));
    const { volume, claim } = folderVolume({ namespace: PLACE, claim: 'data', folder: FOLDER });
    for (const object of [volume, claim]) await api.create(object);
    const mounts = {
      containers: [container('true', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
    };
    const writer = { ...deployment('writer', mounts, 2), metadata: { namespace: PLACE, name: 'writer' } };
    await api.create(writer);
    await env.holds(PLACE, 'app=writer', 'echo good >/data/file');
    expect(await env.hold(`backup create before -n ${PLACE}`)).toMatchObject({ code: 0 });
    await env.sh(PLACE, 'app=writer', 'echo bad >/data/file; touch /data/extra');
    const uids = async () => (await env.list(PLACE, 'pods', 'app=writer')).map((pod) => (pod['metadata'] as { readonly uid: string }).uid);
    const before = await uids();

    const untouched = await env.hold('restore create cautious --from-backup before');
    expect(untouched.stdout).toContain('the claim was there before this restore');
    expect(await env.sh(PLACE, 'app=writer', 'cat /data/file')).toBe('bad\n');
    expect(await uids()).toEqual(before);

    const restored = await env.hold('restore create again --from-backup before --in-place');
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringContaining('restored') });
    await env.holds(PLACE, 'app=writer', 'test "$(cat /data/file)" = good && ! test -e /data/extra');
    expect((await uids()).filter((uid) => before.includes(uid))).toEqual([]);
    const live = await api.get(`/apis/apps/v1/namespaces/${PLACE}/deployments/writer`);
    expect(live).toMatchObject({ spec: { replicas: 2 } });
    expect(JSON.stringify(live?.['metadata'])).not.toContain('scaled-down');
    const described = await describeRestore('again');
    expect(described.steps.map(({ step }) => step)).toEqual(
      expect.arrayContaining([`scale down ${PLACE}/writer`, `scale up ${PLACE}/writer`]),
    );
  }, 300_000);

  it('does not touch a volume that a pod of its own mounts', async () => {
    const { api } = env.place;
    await api.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: PLACE, name: 'alone', labels: { app: 'alone' } },
      spec: podSpec({
        containers: [container('true', { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
      }),
    });
    await env.holds(PLACE, 'app=alone', 'echo mine >/data/file');
    const refused = await env.hold('restore create third --from-backup before --in-place');
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toContain('pod alone mounts it and no Deployment, StatefulSet or ReplicaSet can be scaled down to stop it');
    expect(await env.sh(PLACE, 'app=alone', 'cat /data/file')).toBe('mine\n');
    await env.holds(PLACE, 'app=writer', 'true');
  }, 300_000);
});
