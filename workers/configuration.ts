import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { ClusterSettings } from './etcd-settings.ts';
import { ChartRepositorySettings } from './chart-settings.ts';
import { GitRemoteSettings } from './git-settings.ts';
import { Location } from './location-schema.ts';
import { MoverSettings } from './mover-settings.ts';
import { SecretSource } from './secret-sources.ts';

export type { Location } from './location-schema.ts';
export { commandWords, readSecret, sourceText } from './secret-sources.ts';

/** `HOLDFAST_CONFIG`, otherwise the file in the user's configuration folder. */
export function configurationFile(env: NodeJS.ProcessEnv = process.env): string {
  return env['HOLDFAST_CONFIG'] ?? join(env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'holdfast', 'config.yaml');
}

const Configuration = z.strictObject({
  defaultLocation: z.string().optional(),
  locations: z.array(Location).default([]),
  /** Key (32 bytes, base64) that encrypts what goes into the history of a Temporal server of the user's own. */
  payloadKey: SecretSource.optional(),
  /** The pods that move volume data. */
  movers: MoverSettings.optional(),
  /** Git repositories that hold the state of clusters. */
  gitRemotes: z.array(GitRemoteSettings).optional(),
  /** Where charts of Helm releases are pushed to. */
  chartRepositories: z.array(ChartRepositorySettings).optional(),
  /** What is special about single clusters, by their names. */
  clusters: z.record(z.string().min(1), ClusterSettings).optional(),
});
export type Configuration = z.infer<typeof Configuration>;

/** Refuses options that are malformed, do not fit the kind of store or contradict each other, in one line. */
export function checkLocation(location: Location): Location {
  const checked = Location.safeParse(location);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const where = [`location ${location.name}`, issue?.path.join('.') ?? ''].filter((part) => part !== '').join(': ');
  throw new HoldfastError(FailureType.BadInput, `${where}: ${issue?.message ?? 'is malformed'}`, { advice: 'see docs/locations.md' });
}

/** Reads the configuration file; none is an empty configuration. A malformed one is `BadInput` that names file and field. */
export async function loadConfiguration(file = configurationFile()): Promise<Configuration> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new HoldfastError(FailureType.BadInput, `${file}: cannot be read: ${(error as Error).message}`, { cause: error });
  });
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 10 });
  } catch (error) {
    throw malformed(file, (error as Error).message.split('\n', 1)[0] ?? 'not YAML');
  }
  const checked = Configuration.safeParse(document ?? {});
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw malformed(file, issue ? `${issue.path.join('.') || 'top level'}: ${issue.message}` : 'not a configuration');
}

/** Adds or replaces a location. The file is replaced as a whole, never half-written. The first location becomes the default. */
export async function saveLocation(location: Location, file = configurationFile()): Promise<void> {
  const configuration = await loadConfiguration(file);
  const locations = [...configuration.locations.filter(({ name }) => name !== location.name), location];
  const saved: Configuration = { ...configuration, defaultLocation: configuration.defaultLocation ?? location.name, locations };
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, stringify(saved), { mode: 0o600 });
  await rename(temporary, file);
}

/** The named location, or the default one for ''. */
export function findLocation(configuration: Configuration, name: string): Location {
  const wanted = name === '' ? (configuration.defaultLocation ?? '') : name;
  const found = configuration.locations.find((location) => location.name === wanted);
  if (found) return found;
  const known = configuration.locations.map((location) => location.name);
  if (wanted === '') {
    throw new HoldfastError(FailureType.NotFound, 'no location is configured', { advice: 'add one with `holdfast location add NAME URL`' });
  }
  throw new HoldfastError(FailureType.NotFound, `location "${wanted}" is not configured`, {
    advice: known.length === 0 ? 'add it with `holdfast location add NAME URL`' : `known: ${known.join(', ')}`,
  });
}

function malformed(file: string, problem: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `${file}: ${problem}`, { advice: 'correct the file; `holdfast doctor` checks it' });
}
