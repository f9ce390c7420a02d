import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { collect } from '../support/collect.ts';
import { checkInvariants } from '../support/invariants.ts';
import { configMap, namespace } from '../support/objects.ts';
import { TestPlace } from '../support/place.ts';
import { eachOf } from '../support/raw-api.ts';

/** A command that has not said what is wrong by then never will. */
const PATIENCE_MS = 40_000;

/** Words of the command, its exit code, and what its one line must say. */
type Case = readonly [words: string, code: 2 | 3, says: RegExp, env?: Readonly<Record<string, string>>];

describe('bad input', () => {
  let place: TestPlace;

  beforeAll(async () => {
    place = await TestPlace.open({ temporal: false });
    await place.addLocation('main');
    await place.api.create(namespace('bad'));
    await place.api.create(configMap('bad', 'a', { text: 'a' }));
    expect(await place.run(['backup', 'create', 'good', '-n', 'bad'])).toMatchObject({ code: 0 });
    for (const [name, ...key] of [
      ['fresh', '--key-file', join(place.folder, 'fresh.key')],
      ['keyless'],
      ['kms', '--key-command', 'false'],
    ]) {
      const folder = name === 'kms' ? 'main' : (name ?? '');
      const add = ['location', 'add', name ?? '', `file://${join(place.folder, 'locations', folder)}`, ...key];
      expect(await place.run(add)).toMatchObject({ code: 0 });
    }
    await writeFile(join(place.folder, 'broken.yaml'), 'locations: [{name: x');
    await writeFile(join(place.folder, 'strange.yaml'), 'locations: []\nunknown: 1\n');
    await writeFile(
      join(place.folder, 'bomb.yaml'),
      `a: &a [x,x]\n${Array.from({ length: 30 }, (_, n) => `b${n}: &b${n} [*${n === 0 ? 'a' : `b${n - 1}`},*${n === 0 ? 'a' : `b${n - 1}`}]`).join('\n')}\n`,
    );
    await writeFile(join(place.folder, 'broken-kubeconfig'), 'apiVersion: v1\nclusters: {');
    await writeFile(join(place.folder, 'other.key'), await otherKey());
    await writeFile(join(place.folder, 'wrong.yaml'), (await readFile(place.configFile, 'utf8')).replace('main.key', 'other.key'));
    await writeFile(
      join(place.folder, 'gone.yaml'),
      (await readFile(place.configFile, 'utf8')).replace('locations/main', 'locations/nothing-here'),
    );
    await writeFile(join(place.folder, 'keyless.yaml'), (await readFile(place.configFile, 'utf8')).replace('main.key', 'no-such.key'));
    await mkdir(join(place.folder, 'newer', 'keys'), { recursive: true });
    await writeFile(
      join(place.folder, 'newer', 'repository.json'),
      JSON.stringify({
        format: 'holdfast-repository',
        formatVersion: 99,
        id: 'a'.repeat(32),
        createdAt: '2026-01-01T00:00:00.000Z',
        mac: 'b'.repeat(64),
      }),
    );
    await writeFile(join(place.folder, 'newer.yaml'), (await readFile(place.configFile, 'utf8')).replace('locations/main', 'newer'));
    const port = await freePort();
    await writeFile(join(place.folder, 'unreachable'), JSON.stringify(kubeconfigFor(`http://127.0.0.1:${port}`)));
  }, 240_000);

  afterAll(() => place.close(), 60_000);

  async function otherKey(): Promise<string> {
    const { generateX25519Identity } = await import('age-encryption');
    return `${await generateX25519Identity()}\n`;
  }

  const cases: readonly Case[] = [
    ['nonsense', 2, /unknown command 'nonsense'/],
    ['backup nonsense', 2, /unknown command 'nonsense'/],
    ['get nonsense', 2, /unknown command/],
    ['backup get --nonsense', 2, /unknown option '--nonsense'/],
    ['backup get -o xml', 2, /Allowed choices are table, wide, json, yaml, name/],
    ['version -o xml', 2, /Allowed choices/],
    ['completion tcsh', 2, /bash, zsh, fish/],
    ['completion', 2, /missing required argument/],

    ['backup create a b', 2, /too many arguments/],
    ['backup create a --control-plane-files', 2, /--control-plane-files goes with --include-etcd/],
    ['backup create a --push-charts museum', 2, /--push-charts goes with --helm/],
    ['backup create a --helm --push-charts museum', 3, /chart repository "museum" is not configured/],
    ['schedule create a --schedule @daily --git state', 3, /Git remote "state" is not configured/],
    ['restore create a --from-backup good --whole-cluster --namespace-mappings bad:worse', 2, /leave out --namespace-mappings/],
    ['backup create Bad_Name', 2, /Bad_Name.*lower-case/],
    ['backup create ../up', 2, /lower-case/],
    ['backup create x -l =', 2, /label selector/],
    ['backup create x -l a,,b', 2, /label selector/],
    ['backup create x --or-selector a=b --or-selector x(', 2, /label selector/],
    ['backup create x --hooks /nowhere/hooks.yaml', 2, /\/nowhere\/hooks\.yaml: cannot be read: ENOENT/],
    ['backup create x --timeout soon', 2, /30s, 5m or 2h/],
    ['backup create x --include-cluster-resources perhaps', 2, /auto, include or exclude|Allowed choices/],
    ['backup create x --object noslash', 2, /noslash/],
    ['backup create x --include-namespaces [', 2, /\[/],
    ['backup create x --location nope', 3, /location "nope" is not configured/],
    ['backup create x --kubeconfig /nowhere/config', 3, /\/nowhere\/config/],
    ['backup create x --context nope', 3, /no context "nope"/],
    ['backup create x --kubeconfig BROKEN', 2, /broken-kubeconfig/],
    ['backup create x --kubeconfig UNREACHABLE', 3, /cannot|refused|reach/i],
    ['backup create good -n bad', 2, /backup "good" exists/],
    ['backup create x -n nobody-there', 3, /nobody-there/],
    ['backup create y -n bad --include-resources widgets.nowhere', 2, /widgets\.nowhere/],
    ['backup plan --kubeconfig UNREACHABLE', 3, /cannot|refused|reach/i],
    ['backup plan -l ==', 2, /label selector/],
    ['backup plan -n nobody-there', 3, /nobody-there/],
    ['backup get nope', 3, /backup "nope" is not in location main/],
    ['get backups nope', 3, /backup "nope" is not in location main/],
    ['backup describe', 2, /missing required argument/],
    ['backup describe nope', 3, /"nope"/],
    ['backup logs nope', 3, /"nope"/],
    ['backup diff good', 2, /two backups, or one with --live/],
    ['backup diff good nope', 3, /nope/],
    ['backup delete nope --confirm', 3, /"nope"/],
    ['backup delete good', 2, /--confirm/],

    ['restore create', 2, /--from-backup/],
    ['restore create --from-backup nope', 3, /nope/],
    ['restore create Bad_Name --from-backup good', 2, /Bad_Name/],
    ['restore create --from-backup good --existing perhaps', 2, /skip, update, replace, fail/],
    ['restore create --from-backup good --namespace-mappings a', 2, /old:new/],
    ['restore create --from-backup good --namespace-mappings a:B@d', 2, /B@d/],
    ['restore create --from-backup good --namespace-mappings a:c,b:c', 2, /c/],
    ['restore create --from-backup good --storage-class-mapping fast', 2, /old:new/],
    ['restore create --from-backup good --storage-class-mapping fast:B@d', 2, /B@d/],
    ['restore create --from-backup good --volume-size bad/data', 2, /namespace\/claim=size/],
    ['restore create --from-backup good --volume-size data=1Gi', 2, /name the claim as namespace\/claim/],
    ['restore create --from-backup good --volume-size bad/data=much', 2, /no size such as 20Gi/],
    ['restore create --from-backup good --hooks /nowhere/hooks.yaml', 2, /\/nowhere\/hooks\.yaml: cannot be read: ENOENT/],
    ['restore create --from-backup good --allow everything', 2, /webhooks, cluster-admin/],
    ['restore create --from-backup good --readiness-timeout never', 2, /30s, 5m or 2h/],
    ['restore create --from-backup good -l a=b=c', 2, /label selector/],
    ['restore create --from-backup good --kubeconfig UNREACHABLE', 3, /cannot|refused|reach/i],
    ['restore plan --from-backup nope', 3, /nope/],
    ['restore plan --from-backup good --context nope', 3, /no context "nope"/],
    ['restore get nope', 3, /"nope"/],
    ['restore describe nope', 3, /"nope"/],
    ['restore logs nope', 3, /"nope"/],

    ['volume ls', 2, /missing required argument/],
    ['volume ls nope', 3, /backup "nope" is not in location main/],
    ['volume browse good data', 2, /"data" names no volume/],
    ['volume browse good bad/data', 3, /backup "good" has no volume bad\/data/],
    ['volume cat good bad/data', 2, /missing required argument/],
    ['volume restore good bad/data', 2, /--to FOLDER and --to-claim/],
    ['volume restore good bad/data --to-claim data', 2, /--overwrite/],
    ['volume restore good bad/data --path ../up --to x', 2, /leaves the volume/],
    ['volume key', 2, /name a backup, or --cluster UID/],
    ['volume key good', 3, /no volume data of the cluster/],

    ['location add only', 2, /missing required argument/],
    ['location add x s3://', 2, /names no bucket/],
    ['location add x s3:///prefix', 2, /names no bucket/],
    ['location add x s3://key:secret@bucket', 2, /credentials/],
    ['location add x file://relative', 2, /absolute path/],
    ['location add x /plain/path', 2, /no scheme/],
    ['location add x ftp://host/path', 2, /ftp/],
    ['location add B@d file:///tmp/x', 2, /B@d/],
    ['location add x file:///tmp/x --key-file a --key-env B', 2, /only one of/],
    ['location add x s3://bucket --account abc', 2, /account: is for azblob:\/\/, not for s3:\/\//],
    ['location add x file:///tmp/x --endpoint http://host', 2, /endpoint: is for s3:\/\/, gs:\/\/, azblob:\/\//],
    ['location add x file:///tmp/x --lock-mode governance --lock-days 3', 2, /lock: is for/],
    ['location add x s3://bucket --lock-mode governance', 2, /--lock-mode and --lock-days belong together/],
    ['location add x s3://bucket --lock-mode forever --lock-days 3', 2, /governance, compliance/],
    ['location add x s3://bucket --lock-mode governance --lock-days 0', 2, /lock\.days/],
    ['location add x s3://bucket --endpoint ftp://host', 2, /endpoint: is not a URL/],
    ['location add x s3://bucket --endpoint https://key:secret@host', 2, /endpoint: is not a URL/],
    ['location add x s3://bucket --kms-key-id k', 2, /kmsKeyId: needs encryption aws:kms/],
    ['location add x s3://bucket --role-arn someone', 2, /roleArn: is not the ARN of a role/],
    ['location add x s3://bucket --external-id e', 2, /externalId: needs a role/],
    ['location add x s3://bucket --access-key-id-env A', 2, /secretAccessKey: is missing/],
    ['location add x s3://bucket --access-key-id-env A --access-key-id-file b', 2, /only one of --access-key-id/],
    ['location add x s3://bucket --tag novalue', 2, /key=value/],
    ['location add x s3://bucket --storage-class cold', 2, /storageClass: is not a storage class/],
    ['location add x s3://bucket --maintenance-sas-token-env S', 2, /maintenance\.sasToken: is for azblob/],
    ['location add x azblob://container --sas-token-env A --account-key-env B', 2, /only one of connection string/],
    ['location add x gs://bucket --profile p', 2, /profile: is for s3/],
    ['location add x file:///tmp/x --compression-level 20', 2, /compressionLevel/],
    ['location add x file:///tmp/x --pack-size 1', 2, /packSizeMiB/],
    ['location add x file:///tmp/x --pack-size big', 2, /whole number/],
    ['location add x file:///tmp/x --copy-to nope', 3, /location "nope" of --copy-to is not configured/],
    ['location add main file:///tmp/x --copy-to main', 2, /copyTo: names the location itself/],
    ['location check -o xml', 2, /Allowed choices/],
    ['location get nope', 3, /"nope"/],
    ['location check nope', 3, /"nope"/],
    ['repository init --location nope', 3, /"nope"/],
    ['repository init --location main', 2, /exists|already|is one/],
    ['repository init --location fresh', 2, /new key would be made.*--recovery-key-kept/],
    ['repository init --location keyless', 2, /--recovery-key-file FILE/],
    ['repository init --location keyless --recovery-key-kept', 2, /--recovery-key-file FILE/],
    ['repository init --location keyless --passphrase', 2, /no terminal/],
    ['repository init --location keyless --recipient age1nonsense', 2, /not an age recipient/],
    ['location add x file:///tmp/x --key-file a --key-command b', 2, /only one of/],
    ['location add x file:///tmp/x --key-command', 2, /argument missing/],
    [`location add x file:///tmp/x --key-command '`, 2, /quote that does not end/],
    ['keys ls --location nope', 3, /"nope"/],
    ['keys ls --location keyless', 2, /location keyless has no key/],
    ['keys ls -o xml', 2, /Allowed choices/],
    ['keys ls --location kms', 2, /command false ended with exit code 1/],
    ['keys add', 2, /give one of --recipient/],
    ['keys add --recipient age1nonsense', 2, /not an age recipient/],
    ['keys add --passphrase', 2, /no terminal/],
    ['keys add --passphrase-file /nowhere/words', 2, /\/nowhere\/words/],
    ['keys add --passphrase-env HOLDFAST_NO_SUCH', 2, /HOLDFAST_NO_SUCH is not set/],
    ['keys revoke', 2, /missing required argument/],
    ['keys revoke 1234567', 3, /no key with the id/],
    ['keys rotate --passphrase', 2, /no terminal/],
    ['keys rotate --location nope', 3, /"nope"/],
    ['repository stats --location nope', 3, /"nope"/],

    ['worker run --context nope', 3, /no context "nope"/],
    ['sandbox up --image nginx', 2, /Allowed choices are postgres/],
    ['sandbox up --name B@d', 2, /B@d/],
    ['sandbox status --name nope', 3, /nope/],
    ['doctor -o xml', 2, /Allowed choices/],

    ['backup get', 2, /broken\.yaml/, { HOLDFAST_CONFIG: 'broken.yaml' }],
    ['backup get', 2, /strange\.yaml.*unknown/, { HOLDFAST_CONFIG: 'strange.yaml' }],
    ['backup get', 2, /bomb\.yaml/, { HOLDFAST_CONFIG: 'bomb.yaml' }],
    ['backup get', 2, /key/, { HOLDFAST_CONFIG: 'wrong.yaml' }],
    ['backup create x -n bad', 2, /given key does not open/, { HOLDFAST_CONFIG: 'wrong.yaml' }],
    ['restore create --from-backup good', 2, /given key does not open/, { HOLDFAST_CONFIG: 'wrong.yaml' }],
    ['keys ls', 2, /given key does not open/, { HOLDFAST_CONFIG: 'wrong.yaml' }],
    ['keys rotate', 2, /given key does not open/, { HOLDFAST_CONFIG: 'wrong.yaml' }],
    ['backup get', 3, /folder does not exist/, { HOLDFAST_CONFIG: 'gone.yaml' }],
    ['backup get', 2, /no-such\.key/, { HOLDFAST_CONFIG: 'keyless.yaml' }],
    ['backup get', 2, /newer/i, { HOLDFAST_CONFIG: 'newer.yaml' }],
    ['backup create x -n bad', 3, /Temporal/, { TEMPORAL_ADDRESS: '127.0.0.1:1' }],
    [
      'backup create x -n bad',
      2,
      /Temporal/,
      { TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml', TEMPORAL_ADDRESS: '127.0.0.1:1', TEMPORAL_PROFILE: 'nope' },
    ],
  ];

  it('of every command is one clear line and exit code 2 or 3, and nothing is written', async () => {
    const location = place.locations.get('main')!;
    const before = {
      config: await readFile(place.configFile, 'utf8'),
      keys: (await collect(location.store.list(''))).map(({ key }) => key),
    };
    const wrong: string[] = [];
    await eachOf(cases, 3, async ([words, code, says, env = {}]) => {
      const args = words
        .split(' ')
        .map((word) => ({ UNREACHABLE: join(place.folder, 'unreachable'), BROKEN: join(place.folder, 'broken-kubeconfig') })[word] ?? word);
      const config = env['HOLDFAST_CONFIG'];
      const command = place.start(args, { ...env, ...(config === undefined ? {} : { HOLDFAST_CONFIG: join(place.folder, config) }) });
      const timer = setTimeout(() => command.child.kill('SIGKILL'), PATIENCE_MS);
      const result = await command.ended;
      clearTimeout(timer);
      const problem = problemOf(result, code, says);
      if (problem !== '')
        wrong.push(`holdfast ${words} ${JSON.stringify(env)}: ${problem}: [${result.code}] ${result.stdout}${result.stderr}`);
    });
    expect(wrong).toEqual([]);
    expect({
      config: await readFile(place.configFile, 'utf8'),
      keys: (await collect(location.store.list(''))).map(({ key }) => key),
    }).toEqual(before);
    expect(await checkInvariants({ place, location: 'main' })).toEqual([]);
    // More than a hundred processes.
  }, 900_000);
});

function problemOf(
  result: { readonly code: number; readonly stdout: string; readonly stderr: string },
  code: number,
  says: RegExp,
): string {
  if (result.code !== code) return `exit code is not ${code}`;
  if (result.stdout !== '') return 'it prints to stdout';
  // What is found out by a run itself comes after the line that says that the run has started; progress is not of interest here.
  const lines = result.stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !/^((backup|restore) "[^"]+" (of backup "[^"]+" )?started|(temporal|plan|plan volumes): )/.test(line));
  if (lines.length !== 1) return `${lines.length} lines`;
  if (!/^holdfast: \S/.test(lines[0] ?? '')) return 'the line does not begin with "holdfast: "';
  if (/unexpected|undefined|\[object|HoldfastError|Cannot read|at [\w.]+ \(/.test(lines[0] ?? '')) return 'it is not for people';
  return says.test(lines[0] ?? '') ? '' : `it does not say ${String(says)}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 1;
}

function kubeconfigFor(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'unreachable',
    clusters: [{ name: 'unreachable', cluster: { server } }],
    users: [{ name: 'nobody', user: {} }],
    contexts: [{ name: 'unreachable', context: { cluster: 'unreachable', user: 'nobody' } }],
  };
}
