import { startLoopback, type LoopbackOptions, type LoopbackServer } from './loopback-server.ts';
import { resolveTools } from './resolve-tools.ts';

export interface GcsServer extends Omit<LoopbackServer, 'port'> {
  /** `http://127.0.0.1:port`; asks for no credentials. */
  readonly endpoint: string;
}

const NAME = 'fake-gcs-server';

/**
 * Starts a server with the API of Google Cloud Storage on loopback, for tests. It keeps everything in memory: its files on disk cannot hold
 * both `a` and `a/b`. It does not check conditions when it composes or rewrites objects, nor does it enforce retention.
 */
export async function startGcs(options: LoopbackOptions): Promise<GcsServer> {
  const server = await startLoopback(
    {
      name: NAME,
      command: async () => (await resolveTools([NAME], { signal: options.signal })).get(NAME) ?? NAME,
      arguments: serverArguments,
      environment: {},
    },
    options,
  );
  return { endpoint: `http://127.0.0.1:${server.port}`, stop: () => server.stop() };
}

function serverArguments(port: number): readonly string[] {
  const address = `127.0.0.1:${port}`;
  const names = ['-public-host', address, '-external-url', `http://${address}`];
  return ['-scheme', 'http', '-host', '127.0.0.1', '-port', `${port}`, '-backend', 'memory', '-log-level', 'error', ...names];
}
