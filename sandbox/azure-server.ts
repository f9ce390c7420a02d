import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import { startLoopback, type LoopbackOptions, type LoopbackServer } from './loopback-server.ts';

export interface AzureServer extends Omit<LoopbackServer, 'port'> {
  /** `http://127.0.0.1:port/account`. */
  readonly endpoint: string;
  readonly account: string;
  readonly accountKey: string;
}

export interface AzureServerOptions extends LoopbackOptions {
  readonly account: string;
  /** Base64. */
  readonly accountKey: string;
}

/** Starts Azurite, Microsoft's Blob server for tests, on loopback over a folder. It knows neither versions nor immutability. */
export async function startAzure(options: AzureServerOptions): Promise<AzureServer> {
  const { folder, account, accountKey } = options;
  const script = azuriteScript();
  const data = join(folder, 'blobs');
  await mkdir(data, { recursive: true, mode: 0o700 });
  const server = await startLoopback(
    {
      name: 'azurite-blob',
      command: () => Promise.resolve(process.execPath),
      arguments: (port) => [script, ...serverArguments(port), '--location', data],
      environment: { AZURITE_ACCOUNTS: `${account}:${accountKey}` },
    },
    options,
  );
  return { endpoint: `http://127.0.0.1:${server.port}/${account}`, account, accountKey, stop: () => server.stop() };
}

function serverArguments(port: number): readonly string[] {
  return ['--blobHost', '127.0.0.1', '--blobPort', `${port}`, '--silent', '--skipApiVersionCheck', '--disableTelemetry'];
}

/** A dependency of development only: an installed package does not have it. */
function azuriteScript(): string {
  const require = createRequire(import.meta.url);
  try {
    return join(dirname(require.resolve('azurite/package.json')), 'dist', 'src', 'blob', 'main.js');
  } catch {
    throw new HoldfastError(FailureType.NotFound, 'Azurite is not installed', { advice: 'run npm ci in a checkout of Holdfast' });
  }
}
