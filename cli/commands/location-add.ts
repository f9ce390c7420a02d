import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import { checkLocation, commandWords, loadConfiguration, saveLocation, type Location } from '../../workers/configuration.ts';
import { checkLocationUrl } from '../../workers/dependencies.ts';
import { commaList } from '../options.ts';
import { checkedName } from './backup.ts';

type Given = Readonly<Record<string, unknown>>;
type Field = keyof Location;

/** Options that become a field of the location as they are. */
const PLAIN: Readonly<Record<string, Field>> = {
  endpoint: 'endpoint',
  region: 'region',
  pathStyle: 'forcePathStyle',
  checksums: 'checksums',
  conditionalWrites: 'conditionalWrites',
  encryption: 'encryption',
  kmsKeyId: 'kmsKeyId',
  tag: 'tags',
  storageClass: 'storageClass',
  requestTimeout: 'requestTimeoutSeconds',
  compressionLevel: 'compressionLevel',
  packSize: 'packSizeMiB',
  copyTo: 'copyTo',
  account: 'account',
};

/** The same for an identity, with and without `--maintenance-` before it. */
const PLAIN_CREDENTIALS: Readonly<Record<string, Field>> = { profile: 'profile', roleArn: 'roleArn', externalId: 'externalId' };
const FILE_CREDENTIALS: Readonly<Record<string, Field>> = { credentialsFile: 'credentialsFile', googleKeyFile: 'googleKeyFile' };
const SECRET_CREDENTIALS: Readonly<Record<string, Field>> = {
  accessKeyId: 'accessKeyId',
  secretAccessKey: 'secretAccessKey',
  sessionToken: 'sessionToken',
  connectionString: 'connectionString',
  accountKey: 'accountKey',
  sasToken: 'sasToken',
};

export function locationAddCommand(location: Command): void {
  const command = location
    .command('add <name> <url>')
    .description(
      'add or change a location: file:///folder, s3://bucket/prefix, gs://bucket/prefix or azblob://container/prefix. ' +
        'Without options, credentials come from where the tools of each store look for them. Secrets are named by where they are found',
    );
  keyOptions(command);
  storageOptions(command);
  s3Options(command);
  command
    .optionsGroup('Google Cloud Storage:')
    .option('--google-key-file <file>', 'service account key or workload identity configuration');
  azureOptions(command);
  maintenanceOptions(command);
  command.action(async (name: string, url: string, options: Given) => {
    await add(name, url, options);
  });
}

function keyOptions(command: Command): void {
  command
    .optionsGroup('Key of the repository:')
    .option('--key-file <file>', 'age identities that open the repository')
    .option('--key-env <variable>', 'the same, in an environment variable')
    .option('--key-command <command>', 'a command that prints the key, for a key management service; run without a shell')
    .option('--passphrase-file <file>', 'a passphrase instead of a key')
    .option('--passphrase-env <variable>', 'the same, in an environment variable')
    .option('--passphrase-command <command>', 'a command that prints the passphrase');
}

function storageOptions(command: Command): void {
  command
    .optionsGroup('Storage:')
    .option('--copy-to <locations>', 'locations that get a copy of each backup', list)
    .option('--compression-level <level>', 'zstd, 1 (fast, the default) to 19 (small)', whole)
    .option('--pack-size <MiB>', 'what is stored together in one object, 4 to 64 (default: 8)', whole)
    .addOption(new Option('--lock-mode <mode>', 'lock every object against deletion').choices(['governance', 'compliance']))
    .option('--lock-days <days>', 'for so many days from its creation', whole)
    .option('--endpoint <url>', 'server other than the provider’s own')
    .option('--ca-file <file>', 'certificates to trust')
    .option('--request-timeout <seconds>', 'for one request with its body (default: 60)', whole);
}

function s3Options(command: Command): void {
  command
    .optionsGroup('S3:')
    .option('--region <name>', 'region')
    .option('--path-style', 'address buckets by path')
    .addOption(new Option('--checksums <when>', 'checksums of requests').choices(['when-required', 'when-supported']))
    .option('--no-conditional-writes', 'for servers that ignore If-None-Match: one writer at a time')
    .addOption(new Option('--encryption <kind>', 'encryption by the server, on top of ours').choices(['AES256', 'aws:kms']))
    .option('--kms-key-id <id>', 'key for --encryption aws:kms')
    .option('--tag <key=value>', 'tag of every object (repeatable)', tagPair, undefined)
    .option('--storage-class <class>', 'of every object, e.g. STANDARD_IA')
    .option('--profile <name>', 'AWS profile')
    .option('--credentials-file <file>', 'AWS credentials file')
    .option('--role-arn <arn>', 'role to assume')
    .option('--external-id <id>', 'as the role demands');
  for (const [flag, what] of [
    ['access-key-id', 'access key id'],
    ['secret-access-key', 'secret access key'],
    ['session-token', 'session token'],
  ] as const) {
    secretOptions(command, flag, what);
  }
}

function azureOptions(command: Command): void {
  command.optionsGroup('Azure Blob Storage:').option('--account <name>', 'storage account');
  for (const [flag, what] of [
    ['connection-string', 'connection string'],
    ['account-key', 'account key'],
    ['sas-token', 'SAS token'],
  ] as const) {
    secretOptions(command, flag, what);
  }
}

function maintenanceOptions(command: Command): void {
  command
    .optionsGroup('Other credentials for gc, prune and delete, which alone need the right to delete:')
    .option('--maintenance-profile <name>', 'AWS profile')
    .option('--maintenance-credentials-file <file>', 'AWS credentials file')
    .option('--maintenance-role-arn <arn>', 'AWS role to assume')
    .option('--maintenance-external-id <id>', 'as the role demands')
    .option('--maintenance-google-key-file <file>', 'Google service account key');
  for (const name of Object.keys(SECRET_CREDENTIALS)) {
    secretOptions(command, `maintenance-${words(name)}`, words(name).replaceAll('-', ' '));
  }
}

function secretOptions(command: Command, flag: string, what: string): void {
  command.option(`--${flag}-file <file>`, `${what}, in a file`).option(`--${flag}-env <variable>`, 'the same, in an environment variable');
}

async function add(name: string, url: string, options: Given): Promise<void> {
  await checkLocationUrl(url);
  const location = checkLocation({
    ...taken(options, PLAIN),
    ...secrets(options, ['key', 'passphrase']),
    ...lockOf(options),
    ...(options['caFile'] === undefined ? {} : { caFile: resolve(options['caFile'] as string) }),
    ...credentials(options),
    ...maintenanceOf(options),
    name: checkedName('location', name),
    url,
  });
  await checkCopies(location);
  await saveLocation(location);
  process.stdout.write(`location "${name}" added: ${url}\n`);
}

function taken(options: Given, names: Readonly<Record<string, Field>>): Partial<Location> {
  const given = Object.entries(names).flatMap(([option, field]) => (options[option] === undefined ? [] : [[field, options[option]]]));
  const fields = Object.fromEntries(given) as Partial<Location>;
  // Commander's default of a `--no-` option is true, which is ours as well.
  if (fields.conditionalWrites === true) delete fields.conditionalWrites;
  return fields;
}

function credentials(options: Given): Partial<Location> {
  const files = Object.entries(FILE_CREDENTIALS).flatMap(([option, field]) => {
    const file = options[option];
    return file === undefined ? [] : [[field, resolve(file as string)]];
  });
  const own = Object.fromEntries(files) as Partial<Location>;
  return { ...taken(options, PLAIN_CREDENTIALS), ...own, ...secrets(options, Object.keys(SECRET_CREDENTIALS)) };
}

function maintenanceOf(options: Given): Partial<Location> {
  const prefix = 'maintenance';
  const given = Object.entries(options).flatMap(([name, value]) =>
    name.startsWith(prefix) ? [[`${name.charAt(prefix.length).toLowerCase()}${name.slice(prefix.length + 1)}`, value]] : [],
  );
  return given.length === 0 ? {} : { maintenance: credentials(Object.fromEntries(given) as Given) };
}

/** Where each secret is found: one source, and with a key no passphrase. */
function secrets(options: Given, names: readonly string[]): Partial<Location> {
  const fields: Record<string, unknown> = {};
  for (const name of names) {
    const [file, env, command] = [options[`${name}File`], options[`${name}Env`], options[`${name}Command`]] as (string | undefined)[];
    const sources = [file, env, command].filter((source) => source !== undefined);
    if (sources.length > 1) throw new HoldfastError(FailureType.BadInput, `give only one of ${flagsOf(name)}`);
    if (file !== undefined) fields[name] = { file: resolve(file) };
    if (env !== undefined) fields[name] = { env };
    if (command !== undefined) fields[name] = { command: commandWords(command) };
  }
  return fields;
}

function flagsOf(name: string): string {
  const flag = `--${words(name)}`;
  return name === 'key' || name === 'passphrase' ? `${flag}-file, ${flag}-env and ${flag}-command` : `${flag}-file and ${flag}-env`;
}

/** `sasToken` as it is in an option: `sas-token`. */
function words(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function lockOf({ lockMode, lockDays }: Given): Partial<Location> {
  if (lockMode === undefined && lockDays === undefined) return {};
  if (lockMode === undefined || lockDays === undefined) {
    throw new HoldfastError(FailureType.BadInput, '--lock-mode and --lock-days belong together', { advice: 'give both' });
  }
  return { lock: { mode: lockMode as 'governance' | 'compliance', days: lockDays as number } };
}

async function checkCopies({ copyTo = [] }: Location): Promise<void> {
  const known = (await loadConfiguration()).locations.map((location) => location.name);
  const unknown = copyTo.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new HoldfastError(FailureType.NotFound, `location "${unknown}" of --copy-to is not configured`, {
    advice: `add it first with \`holdfast location add ${unknown} URL\``,
  });
}

function list(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return commaList(value, earlier ?? []);
}

function whole(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('write a whole number');
  return Number(value);
}

function tagPair(value: string, earlier: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  const [, key = '', text = ''] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
  if (key === '') throw new InvalidArgumentError('write key=value');
  return { ...earlier, [key]: text };
}
