import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { resolveTools } from '../../sandbox/resolve-tools.ts';

/** Path of a chart's file to its content. */
type ChartFiles = Readonly<Record<string, string | Buffer>>;

/** Bytes that are no text. */
export const BINARY = Buffer.from([0, 255, 1, 254, 0x80, 13, 10, 0]);

const configMap = (name: string, lines: string, annotations = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${annotations}data:\n${lines}`;
const hook = (kinds: string): string => `  annotations:\n    helm.sh/hook: ${kinds}\n    helm.sh/hook-weight: "-5"\n`;

/** Everything that a chart of one piece may have: helpers, hooks, a CRD and an object of it, files, binary ones too, a schema, NOTES, tests. */
const WEB: ChartFiles = {
  'Chart.yaml':
    '# the name of it\napiVersion: v2\nname: web\nversion: 1.2.3\nappVersion: "2.0"\ndescription: a web\nkeywords: [b, a]\nannotations:\n  team: shop\n',
  'values.yaml': '# how many\ncount: 2\ntext: "yes"\nbig: 12345678901234567\nmap:\n  one: 1\n  two: 2\nlist: [a, b]\n',
  'values.schema.json': '{"type": "object", "properties": {"count": {"type": "integer"}}}\n',
  'README.md': '# web\n',
  '.helmignore': '*.tmp\n',
  'ignored.tmp': 'not in the chart\n',
  'files/config.txt': 'line {{ not a template }}\n',
  'files/blob.bin': BINARY,
  'crds/widgets.yaml': `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.test.holdfast.dev }
spec:
  group: test.holdfast.dev
  scope: Namespaced
  names: { plural: widgets, singular: widget, kind: Widget }
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
`,
  'templates/_helpers.tpl': '{{- define "web.name" -}}{{ .Release.Name }}-web{{- end -}}\n',
  'templates/config.yaml': configMap(
    '{{ include "web.name" . }}',
    '  count: {{ .Values.count | quote }}\n  text: {{ .Values.text | quote }}\n  map: {{ toJson .Values.map | quote }}\n' +
      '  file: {{ .Files.Get "files/config.txt" | quote }}\n  blob: {{ .Files.Get "files/blob.bin" | b64enc | quote }}\n',
  ),
  'templates/account.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {{ include "web.name" . }}\n',
  'templates/widget.yaml':
    'apiVersion: test.holdfast.dev/v1\nkind: Widget\nmetadata:\n  name: {{ include "web.name" . }}\nspec: { of: web }\n',
  'templates/hook.yaml': configMap('{{ .Release.Name }}-hook', '  ran: "yes"\n', hook('pre-install,pre-upgrade')),
  'templates/NOTES.txt': 'Count: {{ .Values.count }}\n',
};

/** A chart of charts: the subchart has a hook of its own and braces in what it makes. */
const SHOP: ChartFiles = {
  'Chart.yaml':
    'apiVersion: v2\nname: shop\nversion: 0.3.0\ndependencies:\n  - name: store\n    version: 0.1.0\n    repository: ""\n    condition: store.enabled\n',
  'values.yaml': 'store:\n  enabled: true\n  size: 5\n',
  'templates/config.yaml': configMap('{{ .Release.Name }}-shop', '  store: {{ .Values.store.size | quote }}\n'),
  'charts/store/Chart.yaml': 'apiVersion: v2\nname: store\nversion: 0.1.0\n',
  'charts/store/values.yaml': 'size: 1\n',
  'charts/store/templates/config.yaml': configMap(
    '{{ .Release.Name }}-store',
    '  size: {{ .Values.size | quote }}\n  braces: {{ "a {{ b }} c" | quote }}\n',
  ),
  'charts/store/templates/hook.yaml': configMap('{{ .Release.Name }}-store-hook', '  ran: "yes"\n', hook('post-install')),
};

/** A chart that calls a library chart, which it does not list. */
const LIBRARY_USER: ChartFiles = {
  'Chart.yaml': 'apiVersion: v2\nname: caller\nversion: 0.2.0+build.1\n',
  'values.yaml': 'answer: 42\n',
  'templates/config.yaml': configMap('{{ include "lib.name" . }}', '  answer: {{ .Values.answer | quote }}\n'),
  'charts/lib/Chart.yaml': 'apiVersion: v2\nname: lib\nversion: 0.1.0\ntype: library\n',
  'charts/lib/templates/_lib.tpl': '{{- define "lib.name" -}}{{ .Release.Name }}-called{{- end -}}\n',
};

/** As charts were before Helm 3. */
const OLD: ChartFiles = {
  'Chart.yaml': 'apiVersion: v1\nname: old\nversion: 3.0.0\n',
  'values.yaml': '',
  'templates/config.yaml': configMap('{{ .Release.Name }}-old', '  a: b\n'),
};

export const CHARTS = { web: WEB, shop: SHOP, caller: LIBRARY_USER, old: OLD } as const;
export type ChartName = keyof typeof CHARTS;

/** Writes the charts to folders of their names, and returns those. */
export async function writeCharts(folder: string): Promise<Record<ChartName, string>> {
  for (const [chart, files] of Object.entries(CHARTS)) {
    for (const [path, content] of Object.entries<string | Buffer>(files)) {
      const file = join(folder, chart, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    }
  }
  const at = (chart: ChartName) => join(folder, chart);
  return { web: at('web'), shop: at('shop'), caller: at('caller'), old: at('old') };
}

export type Helm = (...args: readonly string[]) => Promise<string>;

/** The real Helm, with nothing of the user's; it answers with what it prints, and rejects when it fails. */
export async function helmProgram(folder: string, kubeconfig = '', driver: 'secret' | 'configmap' = 'secret'): Promise<Helm> {
  const program = (await resolveTools(['helm'])).get('helm')!;
  const env = { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: kubeconfig, HELM_DRIVER: driver };
  return async (...args) => {
    try {
      const { stdout } = await promisify(execFile)(program, args, { env, maxBuffer: 64 * 1024 * 1024 });
      return stdout;
    } catch (error) {
      throw new Error(`helm ${args.join(' ')}: ${String((error as { stderr?: string }).stderr)}`, { cause: error });
    }
  };
}
