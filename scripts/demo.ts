/**
 * `npm run demo [-- --keep] [-- --node]`: the main job, shown on a real API server. A shop is backed up, its namespace and definitions are deleted, the
 * restore is killed in the middle, goes on, and the result is compared with what was there. Needs nothing; leaves nothing behind.
 */
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { connectCluster } from '../kubernetes/api-cluster.ts';
import type { Cluster } from '../kubernetes/port.ts';
import { resolveTools } from '../sandbox/resolve-tools.ts';
import { ClusterObjects } from './cluster-objects.ts';
import { filesSeenBy, useNodeMovers, withRunningPods } from './demo-node.ts';
import { makeDemoPlace, removeDemoPlace, type DemoPlace } from './demo-place.ts';
import { DemoShop } from './demo-shop.ts';
import { until } from './in-parallel.ts';
import { Story } from './story.ts';
import { toolNews } from './tool-news.ts';

const BACKUP = 'before-the-accident';
const RESTORE = 'bring-the-shop-back';
/** The restore is killed when this part of the price lists is back. */
const KILL_AT = 0.4;
const KILL_BEFORE = 0.8;

const { values: flags } = parseArgs({ options: { keep: { type: 'boolean', default: false }, node: { type: 'boolean', default: false } } });
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interruption.abort(new Error(`interrupted by ${signal}`));
  });
}

process.exitCode = await demo();

async function demo(): Promise<number> {
  const story = new Story();
  const place = await makeDemoPlace({ withNode: flags.node });
  let kept = false;
  try {
    await tell(story, place);
    kept = flags.keep;
    return 0;
  } catch (error) {
    const isInterrupted = interruption.signal.aborted;
    const message = error instanceof Error ? error.message : String(error);
    story.say(isInterrupted ? '\nInterrupted.' : pc.red(`\nThe demo failed: ${message}`));
    return isInterrupted ? 130 : 1;
  } finally {
    if (kept) story.say(hints(place));
    else await tidyUp(story, place);
  }
}

async function tell(story: Story, place: DemoPlace): Promise<void> {
  const { holdfast } = place;
  const step = async <T>(title: string, work: () => Promise<T>): Promise<T> => {
    interruption.signal.throwIfAborted();
    const result = await story.step(title, work);
    interruption.signal.throwIfAborted();
    return result;
  };
  await step(`Start a Kubernetes control plane ${flags.node ? 'and a node ' : ''}on this machine`, async () => {
    const node = flags.node ? ['--node', '--no-csi', '--install-packages'] : [];
    await holdfast.run('sandbox', 'up', '--name', place.sandbox, '--no-temporal', ...node);
    // Built here, where it can be seen, and not in the worker when the first volume is captured.
    await resolveTools(['restic'], {
      progress: (event) => {
        story.say(toolNews(event));
      },
    });
  });
  const cluster = await connectCluster({ name: place.sandbox, kubeconfig: place.kubeconfig, context: '' });
  try {
    const shop = await DemoShop.read(new ClusterObjects(cluster), {
      volumes: place.volumes,
      adapt: flags.node ? withRunningPods : (manifest) => manifest,
    });
    await step(`Load a project: ${shop.size} objects of ${shop.kinds} kinds, and ${shop.invoices.size} invoices on a volume`, () =>
      shop.load(),
    );
    if (flags.node) await step('The pods of the shop see the volume', () => podsSeeInvoices(story, cluster, shop));
    expectNone(story, await shop.differencesFromFiles(), 'what the cluster holds is what the files say');
    await step('Make an encrypted repository', async () => {
      await holdfast.run('location', 'add', 'shop-backups', `file://${place.backups}`, '--key-file', place.keyFile);
      if (flags.node) await useNodeMovers(place.configFile, place.backups);
      await holdfast.run('repository', 'init', '--recovery-key-kept');
    });
    await step('See what a backup would take', () => holdfast.run('backup', 'plan', '-n', 'shop'));
    await step('Back up', () => holdfast.run('backup', 'create', BACKUP, '-n', 'shop'));
    await step('Look at it', async () => {
      await holdfast.run('backup', 'get');
      await holdfast.run('backup', 'describe', BACKUP);
    });
    await step('The accident: delete the namespace, the custom resource definitions, the volume and what was on it', () => shop.destroy());
    await step('See what a restore would do', () => holdfast.runHiding('price-list', 'restore', 'plan', '--from-backup', BACKUP));
    await step('Restore, and kill -9 the worker in the middle', () => restoreAndKill(story, place, shop));
    await step('The next command goes on where it stopped', () => holdfast.run('restore', 'describe', RESTORE, '--wait'));
    await step('Prove it', async () => {
      await prove(story, place, shop);
      if (flags.node) await podsSeeInvoices(story, cluster, shop);
    });
  } finally {
    await cluster.close();
  }
  story.say(`\nHow long it took:\n${story.times()}`);
}

async function restoreAndKill(story: Story, { holdfast }: DemoPlace, shop: DemoShop): Promise<void> {
  const restore = holdfast.start('restore', 'create', RESTORE, '--from-backup', BACKUP);
  let running = true;
  const ended = restore.ended.finally(() => {
    running = false;
  });
  const { signal } = interruption;
  try {
    await until('the restore is in the middle', async () => !running || (await shop.restoredPart()) >= KILL_AT, { everyMs: 20, signal });
  } finally {
    restore.kill();
  }
  const how = await ended;
  const part = await shop.restoredPart();
  const percent = `${Math.round(part * 100)} %`;
  if (how === 'SIGKILL' && part < KILL_BEFORE) story.say(pc.yellow(`   killed with SIGKILL when ${percent} of the price lists were back`));
  else if (how === 0 || how === 'SIGKILL')
    story.say(pc.yellow(`   this machine is too fast for us: ${percent} were back when it ended (${how})`));
  else throw new Error(`the restore ended with ${how} before it could be killed`);
}

/** Twice: by the product's own verification, and by ours, which shares no code with it. */
async function prove(story: Story, { holdfast }: DemoPlace, shop: DemoShop): Promise<void> {
  const record = (await holdfast.json('restore', 'describe', RESTORE)) as {
    readonly verification: { readonly equal: boolean; readonly compared: number; readonly differenceCount: number };
  };
  const { equal, compared, differenceCount } = record.verification;
  story.say(`   Holdfast's verification: ${compared} objects compared, ${equal ? 'equal' : `${differenceCount} differ`}`);
  const differences = await shop.differencesAfterRestore();
  expectNone(
    story,
    differences,
    'every object is there again, with the same content and linked to its owners; the finished Job is not. Every invoice is there, byte for byte, with its times and rights',
  );
  if (!equal) throw new Error('the restore says that the cluster differs from the backup');
}

async function podsSeeInvoices(story: Story, cluster: Cluster, { invoices }: DemoShop): Promise<void> {
  const { signal } = interruption;
  const where = { namespace: 'shop', app: 'web', folder: '/invoices' };
  await until('a pod of the shop sees every invoice', async () => (await filesSeenBy(cluster, where)) === invoices.size, {
    everyMs: 500,
    signal,
  });
  story.say(pc.green(`   A running pod sees all ${invoices.size} invoices`));
}

function expectNone(story: Story, differences: readonly string[], claim: string): void {
  for (const line of differences.slice(0, 20)) story.say(pc.red(`   ${line}`));
  if (differences.length > 0) throw new Error(`${differences.length} objects are not as they were loaded`);
  story.say(pc.green(`   Our own comparison: equal (${claim})`));
}

async function tidyUp(story: Story, place: DemoPlace): Promise<void> {
  story.say(pc.bold('\nTidy up'));
  try {
    await removeDemoPlace(place);
    story.say('   nothing is left running; its folder is removed');
  } catch (error) {
    process.exitCode = 1;
    story.say(pc.red(`   ${error instanceof Error ? error.message : String(error)}; its folder is ${place.folder}`));
  }
}

function hints(place: DemoPlace): string {
  return [
    pc.bold('\nIt all runs on. Try, in a shell:'),
    ...place.exports,
    'bin/holdfast backup diff before-the-accident --live',
    'bin/holdfast restore create --from-backup before-the-accident --namespace-mappings shop:shop-copy',
    'bin/holdfast restore plan --from-backup before-the-accident --existing update',
    'bin/holdfast restore logs bring-the-shop-back',
    'bin/holdfast repository stats',
    '\nAnd when done:',
    `HOLDFAST_STATE_DIR=${place.state} bin/holdfast sandbox down --name ${place.sandbox} --purge && rm -r ${place.folder}`,
  ].join('\n');
}
