import { describe, expect, it } from '@jest/globals';
import { field, textAt } from '../../domain/resource/fields.ts';
import { moverPodObject, moverSecretObject, type MoverPod } from '../../movers/pod-spec.ts';
import type { PodMoverSettings } from '../../movers/pod-settings.ts';
import type { BackupTask, RestoreTask } from '../../movers/port.ts';

const claim = { kind: 'claim', namespace: 'shop', claim: 'data', node: '' } as const;
const repository = {
  url: 's3:https://h/b',
  password: 'password-canary',
  environment: { AWS_SECRET_ACCESS_KEY: 'key-canary' },
  authority: 'authority-canary',
  files: { GOOGLE_APPLICATION_CREDENTIALS: 'google-canary' },
  options: { 's3.bucket-lookup': 'path' },
};
const task = { id: 'abc', source: claim, volumeMode: 'Filesystem', repository, run: 'run-1' } as const;
const backup: BackupTask = { ...task, host: 'shop/data', backup: '$(HOME)' };
const restore: RestoreTask = { ...task, snapshot: 'abc', path: '/', exact: false, checksum: false };

const pod = (of: Partial<MoverPod> = {}, recovers = false, settings: Partial<PodMoverSettings> = {}) =>
  moverPodObject({ task: backup, claim, settings: { image: 'restic', ...settings }, ...of }, { recovers });
const container = (object: ReturnType<typeof pod>) => (field(object, 'spec', 'containers') as readonly Record<string, never>[])[0] ?? {};

describe("a mover's pod", () => {
  it('holds no secret, and takes all from a Secret of its name', () => {
    expect(JSON.stringify(pod())).not.toMatch(/canary/);
    expect(container(pod())['env']).toEqual(
      expect.arrayContaining([
        { name: 'RESTIC_PASSWORD', valueFrom: { secretKeyRef: { name: 'holdfast-mover-abc', key: 'RESTIC_PASSWORD' } } },
        { name: 'RESTIC_CACERT', value: '/secrets/file.RESTIC_CACERT' },
        { name: 'HOLDFAST_OPTIONS', value: '-o s3.bucket-lookup=path' },
      ]),
    );
    const secret = moverSecretObject({ task: backup, claim, settings: { image: 'restic' } }, 'uid');
    const data = Object.entries(field(secret, 'data') as Record<string, string>).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]);
    expect(Object.fromEntries(data)).toEqual({
      RESTIC_REPOSITORY: 's3:https://h/b',
      RESTIC_PASSWORD: 'password-canary',
      RESTIC_PROGRESS_FPS: '1',
      AWS_SECRET_ACCESS_KEY: 'key-canary',
      'file.RESTIC_CACERT': 'authority-canary',
      'file.GOOGLE_APPLICATION_CREDENTIALS': 'google-canary',
    });
    // As a file there is only what has to be one.
    expect(JSON.stringify(field(pod(), 'spec', 'volumes'))).not.toMatch(/RESTIC_PASSWORD/);
  });

  it('can be found by what it belongs to', () => {
    expect(field(pod(), 'metadata', 'labels')).toEqual({
      'app.kubernetes.io/managed-by': 'holdfast',
      'app.kubernetes.io/component': 'mover',
      'holdfast.dev/mover': 'abc',
      'holdfast.dev/run': 'run-1',
    });
  });

  it('reads with no right but to read, and writes with those that it takes', () => {
    const rights = (object: ReturnType<typeof pod>) => field(container(object)['securityContext'], 'capabilities');
    expect(rights(pod())).toEqual({ drop: ['ALL'], add: ['DAC_READ_SEARCH'] });
    expect(rights(pod({ task: restore }))).toMatchObject({ drop: ['ALL'], add: expect.arrayContaining(['CHOWN', 'MKNOD']) as unknown });
    expect(container(pod())['volumeMounts']).toContainEqual({ name: 'volume', mountPath: '/volume', readOnly: true });
    expect(container(pod({ task: restore }))['volumeMounts']).toContainEqual({ name: 'volume', mountPath: '/volume', readOnly: false });
    expect(field(pod(), 'spec', 'automountServiceAccountToken')).toBe(false);
  });

  it('is on the node of the volume, past every selector, or where the selector says', () => {
    const nodeSelector = { disk: 'fast' };
    const pinned = pod({ claim: { ...claim, node: 'node-1' }, settings: { image: 'restic', nodeSelector } });
    expect(textAt(pinned, 'spec', 'nodeName')).toBe('node-1');
    expect(field(pinned, 'spec', 'nodeSelector')).toBeUndefined();
    expect(field(pod({}, false, { nodeSelector }), 'spec')).toMatchObject({ nodeSelector });
    expect(field(pod(), 'spec', 'nodeName')).toBeUndefined();
  });

  it('has a block device in place of a folder', () => {
    const block = pod({ task: { ...backup, volumeMode: 'Block' } });
    expect(container(block)['volumeDevices']).toEqual([{ name: 'volume', devicePath: '/dev/holdfast-volume' }]);
    expect(JSON.stringify(container(block)['volumeMounts'])).not.toMatch(/"volume"/);
  });

  it('keeps what Kubernetes would replace, and repairs after a killed one only', () => {
    expect(container(pod())['command']).toContain('backup=$$(HOME)');
    expect(JSON.stringify(pod())).not.toMatch(/HOLDFAST_RECOVER","value"/);
    expect(JSON.stringify(pod({}, true))).toMatch(/HOLDFAST_RECOVER","value":"1"/);
  });

  it('carries every setting', () => {
    const settings: PodMoverSettings = {
      image: 'own',
      imagePullPolicy: 'Never',
      imagePullSecrets: ['pull'],
      resources: { limits: { memory: '1Gi' } },
      priorityClassName: 'low',
      tolerations: [{ operator: 'Exists' }],
      serviceAccount: 'mover',
      runtimeClassName: 'kata',
      securityContext: { privileged: true },
      hostNetwork: true,
      labels: { team: 'a' },
      annotations: { note: 'b' },
      hostAliases: [{ ip: '10.0.0.1', hostnames: ['s3'] }],
      deadlineSeconds: 60,
    };
    const object = pod({ settings });
    expect(object).toMatchObject({
      metadata: { labels: { team: 'a' }, annotations: { note: 'b' } },
      spec: {
        imagePullSecrets: [{ name: 'pull' }],
        priorityClassName: 'low',
        tolerations: [{ operator: 'Exists' }],
        serviceAccountName: 'mover',
        runtimeClassName: 'kata',
        hostNetwork: true,
        hostAliases: [{ ip: '10.0.0.1', hostnames: ['s3'] }],
        activeDeadlineSeconds: 60,
      },
    });
    expect(container(object)).toMatchObject({
      image: 'own',
      imagePullPolicy: 'Never',
      resources: settings.resources,
      securityContext: { privileged: true },
    });
  });

  it('reaches a location that is a folder by a volume that holds it, or says that there is none', () => {
    const folder = { ...backup, repository: { ...repository, url: '/backups/volumes/uid' } };
    const location = { path: '/backups', volume: { hostPath: { path: '/backups' } } };
    const object = pod({ task: folder, settings: { image: 'restic', location } });
    expect(field(object, 'spec', 'volumes')).toContainEqual({ name: 'location', hostPath: { path: '/backups' } });
    expect(container(object)['volumeMounts']).toContainEqual({ name: 'location', mountPath: '/backups' });
    expect(() => pod({ task: folder })).toThrow(expect.objectContaining({ type: 'BadInput' }));
    expect(() => pod({ task: folder, settings: { image: 'restic', location: { ...location, path: '/back' } } })).toThrow(
      /no volume that holds it/,
    );
  });
});
