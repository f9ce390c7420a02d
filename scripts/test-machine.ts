import { access } from 'node:fs/promises';
import { installCommand, installPackages, missingPackages, whyNoNode } from '../sandbox/node/node-packages.ts';
import { POSTGRES_PACKAGE, postgresIsThere } from '../sandbox/node/postgres-image.ts';
import { missingMountRights } from './mount-rights.ts';
import { mountsDisks, nodeNeeds } from './test-needs.ts';

/** Tests that this machine cannot run, whatever servers it has. */
interface Gap {
  readonly what: string;
  readonly reason: string;
  readonly files: readonly string[];
}

/** What the machine lacks for some of these tests, after doing what the test command may do about it and saying so. */
export async function machineGaps(files: readonly string[], say: (message: string) => void): Promise<readonly Gap[]> {
  const mounting = files.filter(mountsDisks);
  const noMounts = mounting.length === 0 ? undefined : await missingMountRights();
  const nodes = files.filter((file) => nodeNeeds(file).node);
  const postgres = files.some((file) => nodeNeeds(file).postgres);
  const noNode = nodes.length === 0 ? undefined : await prepareForNode(postgres, say);
  return [
    ...(noMounts === undefined ? [] : [{ what: 'disks of its own', reason: noMounts, files: mounting }]),
    ...(noNode === undefined ? [] : [{ what: 'node', reason: noNode, files: nodes }]),
  ];
}

/** On Debian, as root, missing packages are installed after saying so. Returns why a node cannot run here all the same, or undefined. */
async function prepareForNode(postgres: boolean, say: (message: string) => void): Promise<string | undefined> {
  const impossible = whyNoNode();
  if (impossible !== undefined) return impossible;
  const missing = [...(await missingPackages()), ...(postgres && !(await postgresIsThere()) ? [POSTGRES_PACKAGE] : [])];
  if (missing.length === 0) return undefined;
  if (!(await isDebian())) return `it needs what is in Debian's packages ${missing.join(', ')}`;
  say(`installing what tests with a node need: ${installCommand(missing)}`);
  return installPackages(missing).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

function isDebian(): Promise<boolean> {
  return access('/etc/debian_version').then(
    () => true,
    () => false,
  );
}
