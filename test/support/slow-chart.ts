import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RawApi } from './raw-api.ts';

/**
 * A chart whose installation waits in a hook: a Job whose pod nobody runs where no kubelet is. Its policy leaves it behind when Helm is ended, and Helm
 * itself would not take it away.
 */
const FILES: Readonly<Record<string, string>> = {
  'Chart.yaml': 'apiVersion: v2\nname: slow\nversion: 1.0.0\n',
  'values.yaml': 'colour: red\n',
  'templates/config.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-config\ndata:\n  colour: {{ .Values.colour | quote }}\n',
  'templates/hook.yaml': `apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-hook
  annotations:
    helm.sh/hook: pre-install
    helm.sh/hook-delete-policy: hook-succeeded
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: hook, image: none }]
`,
};

/** Writes the chart to a folder, and returns that. */
export async function writeSlowChart(folder: string): Promise<string> {
  for (const [path, content] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** What a kubelet writes when the pod of a Job has succeeded; the Job by its uid. False while it has none. */
export async function completePods(api: RawApi, namespace: string, uid: string): Promise<boolean> {
  const selector = encodeURIComponent(`batch.kubernetes.io/controller-uid=${uid}`);
  const { items } = (await api.json('GET', `/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`)) as unknown as {
    items: readonly { readonly metadata: { readonly name: string } }[];
  };
  for (const { metadata } of items) {
    const path = `/api/v1/namespaces/${namespace}/pods/${metadata.name}/status`;
    await api.json('PATCH', path, { status: { phase: 'Succeeded' } }, { 'content-type': 'application/merge-patch+json' });
  }
  return items.length > 0;
}
