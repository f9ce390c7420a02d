import { access } from 'node:fs/promises';
import { installCommand, installPackages, missingPackages, whyNoNode } from '../sandbox/node/node-packages.ts';
import { executableIn, executableOnPath } from '../sandbox/find-tool.ts';
import { MARIADB_PACKAGE } from '../sandbox/node/mariadb-image.ts';
import { POSTGRES_PACKAGE, postgresIsThere } from '../sandbox/node/postgres-image.ts';
import { missingMountRights } from './mount-rights.ts';
import { mountsDisks, nodeNeeds, type SystemServer } from './test-needs.ts';

/** Tests that this machine cannot run, whatever servers it has. */
interface Gap {
  readonly what: string;
  readonly reason: string;
  readonly files: readonly string[];
}

/** The Debian packages of a server that are not on this machine. */
const MISSING: Readonly<Record<SystemServer, () => Promise<readonly string[]>>> = {
  postgres: async () => ((await postgresIsThere()) ? [] : [POSTGRES_PACKAGE]),
  mariadb: async () => ((await executableIn('/usr/sbin', 'mariadbd')) === undefined ? [MARIADB_PACKAGE] : []),
  registry: () => withoutProgram('docker-registry', 'docker-registry'),
  sshd: async () => ((await executableIn('/usr/sbin', 'sshd')) === undefined ? ['openssh-server'] : []),
  age: () => withoutProgram('age', 'age'),
  java: async () => [...(await withoutProgram('java', 'openjdk-17-jre-headless')), ...(await withoutProgram('mvn', 'maven'))],
};

/** Tests use these as they are, outside of nodes. */
const WITHOUT_NODE: readonly (readonly [SystemServer, string])[] = [
  ['registry', 'OCI registry'],
  ['sshd', 'SSH server'],
  ['age', 'age'],
];

/** What the machine lacks for some of these tests, after doing what the test command may do about it and saying so. */
export async function machineGaps(files: readonly string[], say: (message: string) => void): Promise<readonly Gap[]> {
  const mounting = files.filter(mountsDisks);
  const noMounts = mounting.length === 0 ? undefined : await missingMountRights();
  const nodes = files.filter((file) => nodeNeeds(file).node);
  const servers = [...new Set(files.flatMap((file) => nodeNeeds(file).servers))];
  const noNode = nodes.length === 0 ? undefined : await prepareForNode(servers, say);
  // Where a node is prepared they come with it.
  const withoutNode: Gap[] = [];
  for (const [server, what] of WITHOUT_NODE) {
    const using = files.filter((file) => nodeNeeds(file).servers.includes(server));
    const reason = using.length === 0 ? undefined : await prepare(await MISSING[server](), say);
    if (reason !== undefined) withoutNode.push({ what, reason, files: using });
  }
  return [
    ...(noMounts === undefined ? [] : [{ what: 'disks of its own', reason: noMounts, files: mounting }]),
    ...(noNode === undefined ? [] : [{ what: 'node', reason: noNode, files: nodes }]),
    ...withoutNode,
  ];
}

/** On Debian, as root, missing packages are installed after saying so. Returns why a node cannot run here all the same, or undefined. */
async function prepareForNode(servers: readonly SystemServer[], say: (message: string) => void): Promise<string | undefined> {
  const impossible = whyNoNode();
  if (impossible !== undefined) return impossible;
  const ofServers = await Promise.all(servers.map((server) => MISSING[server]()));
  return prepare([...(await missingPackages()), ...ofServers.flat()], say);
}

/** Installs packages, and says so; returns why it cannot, or undefined. */
async function prepare(missing: readonly string[], say: (message: string) => void): Promise<string | undefined> {
  if (missing.length === 0) return undefined;
  if (!(await isDebian()) || process.getuid?.() !== 0)
    return `it needs what is in Debian's packages ${missing.join(', ')}, and root to install them`;
  say(`installing what tests need: ${installCommand(missing)}`);
  return installPackages(missing).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

async function withoutProgram(program: string, debianPackage: string): Promise<readonly string[]> {
  return (await executableOnPath(process.env['PATH'] ?? '', program)) === undefined ? [debianPackage] : [];
}

function isDebian(): Promise<boolean> {
  return access('/etc/debian_version').then(
    () => true,
    () => false,
  );
}
