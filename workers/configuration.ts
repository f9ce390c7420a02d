import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** `HOLDFAST_CONFIG`, otherwise the file in the user's configuration folder. */
export function configurationFile(env: NodeJS.ProcessEnv = process.env): string {
  return env['HOLDFAST_CONFIG'] ?? join(env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'holdfast', 'config.yaml');
}

/** Where a secret is found. The configuration never holds one itself. */
const SecretSource = z.union([z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })]);
export type SecretSource = z.infer<typeof SecretSource>;

const Location = z.strictObject({
  name: z.string().min(1),
  url: z.string().min(1),
  /** age identities that open the repository. */
  key: SecretSource.optional(),
  passphrase: SecretSource.optional(),
  endpoint: z.string().optional(),
  region: z.string().optional(),
  forcePathStyle: z.boolean().optional(),
  profile: z.string().optional(),
  caFile: z.string().optional(),
  checksums: z.enum(['when-required', 'when-supported']).optional(),
});
export type Location = z.infer<typeof Location>;

const Configuration = z.strictObject({
  defaultLocation: z.string().optional(),
  locations: z.array(Location).default([]),
  /** Key (32 bytes, base64) that encrypts what goes into the history of a Temporal server of the user's own. */
  payloadKey: SecretSource.optional(),
});
export type Configuration = z.infer<typeof Configuration>;

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

/** Reads a secret where the configuration says it is. The value appears in no message. */
export async function readSecret(source: SecretSource, what: string): Promise<string> {
  if ('env' in source) {
    const value = process.env[source.env];
    if (value) return value;
    throw new HoldfastError(FailureType.BadInput, `${what}: environment variable ${source.env} is not set`, {
      advice: 'set it and try again',
    });
  }
  try {
    return await readFile(source.file, 'utf8');
  } catch (error) {
    throw new HoldfastError(
      FailureType.BadInput,
      `${what}: ${source.file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`,
      {
        advice: 'bring the file back or change the location with `holdfast location add`',
        cause: error,
      },
    );
  }
}

function malformed(file: string, problem: string): HoldfastError {
  return new HoldfastError(FailureType.BadInput, `${file}: ${problem}`, { advice: 'correct the file; `holdfast doctor` checks it' });
}
