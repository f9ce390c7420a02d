import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';

/** How to reach a Temporal server. */
export interface TemporalAddress {
  readonly connection: NativeConnectionOptions;
  readonly address: string;
  readonly namespace: string;
}

/**
 * The server that the user configured by Temporal's own rules (`TEMPORAL_ADDRESS`, `TEMPORAL_PROFILE`, temporal.toml), or undefined: then
 * the embedded one is used.
 */
export function configuredTemporal(): TemporalAddress | undefined {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  if (!connectionOptions.address) return undefined;
  return { connection: connectionOptions, address: connectionOptions.address, namespace: namespace ?? 'default' };
}
