import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { findLocation, loadConfiguration, saveLocation, type Location } from '../../workers/configuration.ts';
import { checkLocationUrl } from '../../workers/dependencies.ts';
import { withOutput, type OutputOptions } from '../options.ts';
import { printAnswer } from '../output/print.ts';
import { table } from '../output/table.ts';
import { withSession } from '../session.ts';
import { checkedName } from './backup.ts';

interface AddOptions {
  readonly keyFile?: string;
  readonly keyEnv?: string;
  readonly passphraseFile?: string;
  readonly passphraseEnv?: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly pathStyle?: boolean;
  readonly profile?: string;
  readonly caFile?: string;
  readonly checksums?: 'when-required' | 'when-supported';
}

export function locationCommand(program: Command): void {
  const location = program.command('location').description('where recovery points are kept');
  location
    .command('add <name> <url>')
    .description('add or change a location: file:///folder or s3://bucket/prefix; credentials come from the environment or profile')
    .option('--key-file <file>', 'age identities that open the repository')
    .option('--key-env <variable>', 'the same, in an environment variable')
    .option('--passphrase-file <file>', 'a passphrase instead of a key')
    .option('--passphrase-env <variable>', 'the same, in an environment variable')
    .option('--endpoint <url>', 'S3-compatible server')
    .option('--region <name>', 'S3 region')
    .option('--path-style', 'address buckets by path')
    .option('--profile <name>', 'AWS profile')
    .option('--ca-file <file>', 'certificates to trust')
    .addOption(new Option('--checksums <when>', 'S3 checksums').choices(['when-required', 'when-supported']))
    .action(async (name: string, url: string, options: AddOptions) => {
      await add(name, url, options);
    });
  withOutput(location.command('get [name]'))
    .description('list locations')
    .action(async (name: string | undefined, options: OutputOptions) => {
      await get(name, options);
    });
  location
    .command('check [name]')
    .description('see whether a location can be reached and written to, and whether its key opens it')
    .action(async (name: string | undefined) => {
      await check(name ?? '');
    });
}

async function add(name: string, url: string, options: AddOptions): Promise<void> {
  await checkLocationUrl(url);
  const keySources = [options.keyFile, options.keyEnv, options.passphraseFile, options.passphraseEnv].filter(
    (source) => source !== undefined,
  );
  if (keySources.length > 1) {
    throw new HoldfastError(FailureType.BadInput, 'give only one of --key-file, --key-env, --passphrase-file and --passphrase-env');
  }
  const entry: Location = {
    name: checkedName('location', name),
    url,
    ...secret('key', options.keyFile, options.keyEnv),
    ...secret('passphrase', options.passphraseFile, options.passphraseEnv),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.pathStyle === undefined ? {} : { forcePathStyle: options.pathStyle }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(options.caFile === undefined ? {} : { caFile: resolve(options.caFile) }),
    ...(options.checksums === undefined ? {} : { checksums: options.checksums }),
  };
  await saveLocation(entry);
  process.stdout.write(`location "${name}" added: ${url}\n`);
}

function secret(field: 'key' | 'passphrase', file: string | undefined, env: string | undefined): Partial<Location> {
  if (file !== undefined) return { [field]: { file: resolve(file) } };
  return env === undefined ? {} : { [field]: { env } };
}

async function get(name: string | undefined, options: OutputOptions): Promise<void> {
  const configuration = await loadConfiguration();
  const locations = name === undefined ? configuration.locations : [findLocation(configuration, name)];
  printAnswer(options.output, {
    data: { defaultLocation: configuration.defaultLocation ?? '', locations },
    names: locations.map((location) => `location/${location.name}`),
    table: () => {
      const rows = locations.map((location) => [
        location.name,
        location.url,
        location.name === configuration.defaultLocation ? 'yes' : '',
        keyText(location),
      ]);
      return table(['NAME', 'URL', 'DEFAULT', 'KEY'], rows);
    },
  });
}

function keyText({ key, passphrase }: Location): string {
  const source = key ?? passphrase;
  if (!source) return 'none';
  return 'file' in source ? source.file : `$${source.env}`;
}

/** Writes, reads, lists and removes a small object of its own, then opens the repository. */
async function check(given: string): Promise<void> {
  await withSession(async (session) => {
    const name = session.locationName(given);
    const store = await session.services.store(name);
    const key = `checks/${Date.now().toString(36)}-${process.pid}`;
    const body = Buffer.from('holdfast location check\n');
    const started = performance.now();
    await store.prepare();
    await store.create(key, body);
    const back = await store.read(key);
    const overwritten = await store.create(key, body).then(
      () => true,
      () => false,
    );
    await store.delete(key);
    const problem = !back.equals(body)
      ? 'what was read is not what was written'
      : overwritten
        ? 'an object could be overwritten: create-only writes do not work here'
        : '';
    if (problem !== '') throw new HoldfastError(FailureType.Damaged, `${store.url}: ${problem}`, { advice: 'do not keep backups here' });
    process.stdout.write(`write, read, create-only, delete: ok (${Math.round(performance.now() - started)} ms)\n`);
    const repository = await session.repository(name);
    process.stdout.write(`repository ${repository.id}: opened\n`);
  });
}
