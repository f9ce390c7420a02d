import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stopTemporal } from '../sandbox/temporal-server.ts';
import { HoldfastCommand } from './holdfast-command.ts';

/** Everything the demo makes is in one temporary folder, apart from the user's own state and configuration; tools come from the user's cache. */
export interface DemoPlace {
  readonly folder: string;
  readonly sandbox: string;
  readonly state: string;
  readonly kubeconfig: string;
  readonly keyFile: string;
  /** Where the sandbox keeps its `hostPath` volumes. */
  readonly volumes: string;
  /** The folder of the location. */
  readonly backups: string;
  readonly configFile: string;
  readonly holdfast: HoldfastCommand;
  /** Lines that bring a shell to this place. */
  readonly exports: readonly string[];
}

/** `withNode`: volumes are on a disk that only pods reach, as in a cluster. */
export async function makeDemoPlace({ withNode }: { readonly withNode: boolean }): Promise<DemoPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-demo-'));
  const sandbox = `demo-${randomBytes(2).toString('hex')}`;
  const state = join(folder, 'state');
  const kubeconfig = join(state, 'sandboxes', sandbox, 'kubeconfig');
  // In place of the user's own profiles: the demo uses a Temporal server of its own.
  const temporalConfig = join(folder, 'temporal.toml');
  await writeFile(temporalConfig, '[profile.default]\n');
  const own = {
    KUBECONFIG: kubeconfig,
    HOLDFAST_STATE_DIR: state,
    HOLDFAST_CONFIG: join(folder, 'config.yaml'),
    TEMPORAL_CONFIG_FILE: temporalConfig,
  };
  return {
    folder,
    sandbox,
    state,
    kubeconfig,
    keyFile: join(folder, 'shop.key'),
    volumes: withNode ? join(folder, 'disk') : join(state, 'sandboxes', sandbox, 'volumes'),
    backups: join(folder, 'backups'),
    configFile: own.HOLDFAST_CONFIG,
    holdfast: new HoldfastCommand({ ...withoutTemporal(process.env), ...own }),
    exports: Object.entries(own).map(([name, value]) => `export ${name}=${value}`),
  };
}

/** Stops every server of the place and removes it. Tries everything, then rejects with what went wrong first. */
export async function removeDemoPlace(place: DemoPlace): Promise<void> {
  const hasSandbox = existsSync(join(place.state, 'sandboxes', place.sandbox));
  const down = () => place.holdfast.runUndisturbed('sandbox', 'down', '--name', place.sandbox, '--purge');
  const results = [
    await settled(hasSandbox ? down() : Promise.resolve()),
    await settled(stopTemporal(join(place.state, 'temporal'))),
    await settled(rm(place.folder, { recursive: true, force: true, maxRetries: 5 })),
  ];
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

async function settled(work: Promise<unknown>): Promise<PromiseSettledResult<unknown>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}

function withoutTemporal(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('TEMPORAL_')));
}
