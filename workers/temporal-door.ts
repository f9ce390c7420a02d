import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { stateFolder } from '../sandbox/state-folder.ts';
import { startTemporal } from '../sandbox/temporal-server.ts';
import type { Progress } from '../sandbox/tool-progress.ts';
import type { Configuration } from './configuration.ts';
import { readSecret } from './secret-sources.ts';
import { installRuntime } from './run-worker.ts';
import { ensureSearchAttributes } from './search-attributes.ts';
import { configuredTemporal, type TemporalAddress } from './temporal-access.ts';

const KEY_BYTES = 32;

/** A connection to the Temporal server that is meant, and what belongs to it. */
export interface TemporalDoor {
  readonly connection: NativeConnection;
  readonly address: string;
  readonly namespace: string;
  /** Base address of Temporal's UI; '' when there is none that Holdfast knows of. */
  readonly uiUrl: string;
  /** True for the local server that Holdfast runs itself. */
  readonly embedded: boolean;
  readonly payloadKey: Buffer | undefined;
  /** Closes the connection and gives up the local server, which ends when nobody uses it any more. */
  close(): Promise<void>;
}

/**
 * The configured Temporal server, or the local one: started, or joined when it runs already. The log of this process's Temporal runtime goes
 * to the state folder.
 */
export async function openTemporal(configuration: Configuration, onProgress: Progress): Promise<TemporalDoor> {
  const state = stateFolder();
  await mkdir(state, { recursive: true, mode: 0o700 });
  const configured = configuredTemporal();
  return configured ? connectConfigured(configured, configuration) : joinLocal(state, onProgress);
}

async function connectConfigured(target: TemporalAddress, configuration: Configuration): Promise<TemporalDoor> {
  const payloadKey = configuration.payloadKey && Buffer.from((await readSecret(configuration.payloadKey, 'payload key')).trim(), 'base64');
  const connection = await connect(target.connection).catch((error: unknown) => {
    throw new HoldfastError(FailureType.Unavailable, `the Temporal server ${target.address} does not answer`, {
      advice: 'check TEMPORAL_ADDRESS, or unset it to use the local server',
      cause: error,
    });
  });
  const { address, namespace } = target;
  await ensureSearchAttributes(connection, namespace).catch(async (error: unknown) => {
    await connection.close();
    throw error;
  });
  const uiUrl = process.env['TEMPORAL_UI_URL'] ?? '';
  return { connection, address, namespace, uiUrl, embedded: false, payloadKey, close: () => connection.close() };
}

async function joinLocal(state: string, progress: Progress): Promise<TemporalDoor> {
  const server = await startTemporal({ folder: join(state, 'temporal'), lease: { pid: process.pid }, ui: true, progress });
  const namespace = 'default';
  try {
    const connection = await connect({ address: server.address });
    await ensureSearchAttributes(connection, namespace);
    return {
      connection,
      address: server.address,
      namespace,
      uiUrl: server.uiUrl ?? '',
      embedded: true,
      payloadKey: await localPayloadKey(state),
      close: async () => {
        await connection.close();
        await server.release();
      },
    };
  } catch (error) {
    await server.release();
    throw error;
  }
}

/** Temporal's runtime is installed at the last moment: from then on only the end of a connection lets the process end. */
function connect(options: NativeConnectionOptions): Promise<NativeConnection> {
  installRuntime(join(stateFolder(), 'logs', 'worker.log'), 'info');
  return NativeConnection.connect(options);
}

/** The key of the local server's history: made once, readable by its user only. */
async function localPayloadKey(state: string): Promise<Buffer> {
  const file = join(state, 'payload.key');
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, randomBytes(KEY_BYTES).toString('base64'), { mode: 0o600 });
  // Whoever comes first decides; the link is whole or not there.
  await link(temporary, file).catch(() => undefined);
  await rm(temporary, { force: true });
  return Buffer.from(await readFile(file, 'utf8'), 'base64');
}
