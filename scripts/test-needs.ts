import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ToolName } from '../sandbox/tool-catalogue.ts';

const TESTS = fileURLToPath(new URL('../test/', import.meta.url));
/** It can start every server; a test needs only those that it asks it for. */
const EVERY_SERVER = join(TESTS, 'support', 'sandbox-env.ts');
const END_TO_END = join(TESTS, 'e2e');
const CONTROL_PLANE: readonly ToolName[] = ['etcd', 'kube-apiserver', 'kube-controller-manager'];
const NODE: readonly ToolName[] = [...CONTROL_PLANE, 'kube-scheduler', 'kubelet', 'restic'];
const NODE_STARTER = /\bstartTestNode\b|\bwithNode: true\b/;
const END_TO_END_TOOLS: readonly ToolName[] = [...CONTROL_PLANE, 'versitygw', 'temporal', 'restic'];

/** A test that uses one of these functions needs these tools. */
const STARTERS: readonly (readonly [RegExp, readonly ToolName[]])[] = [
  [/\b(startTestCluster|upSandbox)\b/, CONTROL_PLANE],
  [NODE_STARTER, NODE],
  [/\bwithStorageDriver: true\b/, ['csi-provisioner', 'csi-snapshotter', 'snapshot-controller']],
  [/\b(startTestS3|startS3)\b/, ['versitygw']],
  [/\b(startTestSecondS3|startSecondS3)\b/, ['rclone']],
  [/\b(startTestGcs|startGcs)\b/, ['fake-gcs-server']],
  [/\bhelmProgram\b/, ['helm']],
  [/\bstartTimeSkippingTemporal\b/, ['temporal-test-server']],
  [/\b(startTestTemporal|startTemporal)\b/, ['temporal']],
];

/**
 * The tools that a test file needs, by the servers that it and the test code it imports start. End-to-end tests start theirs through the
 * command line, where nothing of it is seen.
 */
export function neededTools(testFile: string): ReadonlySet<ToolName> {
  const text = withImports(testFile, new Set([EVERY_SERVER]));
  const seen = STARTERS.flatMap(([starter, tools]) => (starter.test(text) ? tools : []));
  return new Set([...(testFile.startsWith(`${END_TO_END}/`) ? END_TO_END_TOOLS : []), ...seen]);
}

/** Whether a test file mounts file systems of its own. */
export function mountsDisks(testFile: string): boolean {
  return /\bmountDisk\b/.test(withImports(testFile, new Set([EVERY_SERVER])));
}

/** Servers of the operating system that tests start by themselves or put into images. */
export type SystemServer = 'postgres' | 'mariadb' | 'java' | 'registry' | 'sshd' | 'age';

const SYSTEM_SERVERS: readonly (readonly [SystemServer, RegExp])[] = [
  ['postgres', /\b(postgresImage|postgresServer|startPostgres\w*)\b/],
  ['mariadb', /\b(mariadbImage|mariadbServer)\b/],
  ['java', /\b(searchEngineImage|searchEngineServer)\b/],
  ['registry', /\bstartOciRegistry\b/],
  ['sshd', /\bgitSshServer\b/],
  ['age', /\bopenWithAge\b/],
];

/** What a test file needs of the operating system, by what it and the test code it imports use: a node, and servers. */
export function nodeNeeds(testFile: string): { readonly node: boolean; readonly servers: readonly SystemServer[] } {
  const text = withImports(testFile, new Set([EVERY_SERVER]));
  return { node: NODE_STARTER.test(text), servers: SYSTEM_SERVERS.flatMap(([server, use]) => (use.test(text) ? [server] : [])) };
}

function withImports(file: string, seen: Set<string>): string {
  if (seen.has(file) || !file.startsWith(TESTS) || !existsSync(file)) return '';
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  const imported = [...text.matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, path = '']) => resolve(dirname(file), path));
  return [text, ...imported.map((path) => withImports(path, seen))].join('\n');
}
